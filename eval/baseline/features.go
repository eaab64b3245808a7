package baseline

import (
	"strings"
	"unicode/utf8"

	"limbeck/data"
)

// Beyond a text's ends stand these words.
const (
	startWord = "\x02"
	endWord   = "\x03"
)

// affixes is the length of the longest prefix and suffix that is a feature.
const affixes = 4

// extract returns the numbers of each word's features: the word and its two
// neighbors on each side, pairs of them, prefixes and suffixes, and shapes. If
// learn is set, features not seen before get numbers, else they are left out.
func (t *tagger) extract(text string, words []word, learn bool) [][]int32 {
	lower := make([]string, len(words))
	for i, w := range words {
		lower[i] = data.Normalize(text[w.lo:w.hi])
	}
	at := func(i int) string {
		switch {
		case i < 0:
			return startWord
		case i >= len(lower):
			return endWord
		}
		return lower[i]
	}
	out := make([][]int32, len(words))
	for i, w := range words {
		add := func(parts ...string) {
			key := strings.Join(parts, "\x00")
			id, ok := t.features[key]
			if !ok && learn {
				id = int32(len(t.features))
				t.features[key] = id
				ok = true
			}
			if ok {
				out[i] = append(out[i], id)
			}
		}
		add("bias")
		add("w", at(i))
		add("w-1", at(i-1))
		add("w+1", at(i+1))
		add("w-2", at(i-2))
		add("w+2", at(i+2))
		add("w-1,w", at(i-1), at(i))
		add("w,w+1", at(i), at(i+1))
		add("w-2,w-1", at(i-2), at(i-1))
		add("w+1,w+2", at(i+1), at(i+2))
		add("w-1,w+1", at(i-1), at(i+1))
		add("shape", shape(text[w.lo:w.hi]))
		eachAffix(at(i), func(kind, affix string) { add(kind, affix) })
		add("suffix-1", suffix(at(i-1), 3))
		add("suffix+1", suffix(at(i+1), 3))
	}
	return out
}

// eachAffix calls f with the prefixes and suffixes of up to affixes characters.
func eachAffix(s string, f func(kind, affix string)) {
	n := 0
	for i := range s {
		if n > 0 {
			f("prefix", s[:i])
		}
		if n++; n > affixes {
			break
		}
	}
	for n := 1; n <= affixes; n++ {
		if tail := suffix(s, n); len(tail) < len(s) {
			f("suffix", tail)
		}
	}
}

// suffix returns the last n characters of s, or all.
func suffix(s string, n int) string {
	lo := len(s)
	for ; n > 0 && lo > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(s[:lo])
		lo -= size
	}
	return s[lo:]
}
