// Package words helps errors with words from outside: what a word that is none of those
// allowed was meant to be, and quotes of a length that fits.
package words

import (
	"fmt"
	"strings"
)

// Unknown says that a word is none of the known ones, and which it may have been
// meant to be. what is the kind of thing that it names, as "task".
func Unknown(what, word string, known []string) string {
	return fmt.Sprintf("%s %q is not known%s; known are: %s", what, word, Hint(word, known), strings.Join(known, ", "))
}

// Hint is what an error about a word ends with: the nearest of the known ones, if one
// is near.
func Hint(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// Nearest returns the word of known that word was most likely meant to be, or
// "" if none is near.
func Nearest(word string, known []string) string {
	best, least := "", len(word)/2+1
	if len(word) > 64 {
		return ""
	}
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), k); d < least {
			best, least = k, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbors that make b of a (optimal string alignment).
func editDistance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
