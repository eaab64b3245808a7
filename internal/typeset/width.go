package typeset

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Width is how many columns of a terminal a string takes: none for what combines, two
// for East Asian wide characters and emoji.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// wide lists the ranges of Unicode's East Asian Width W and F that matter in
// text: Hangul Jamo, CJK, Hangul, compatibility forms, full width, emoji, the
// supplementary ideographs.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0x33ff, 1}, {0x3400, 0x4dbf, 1}, {0x4e00, 0x9fff, 1},
		{0xa000, 0xa4cf, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

func runeWidth(r rune) int {
	switch {
	case r < 0x7f:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// Left fills a string with spaces on its right to w columns.
func Left(s string, w int) string { return s + fill(s, w) }

// Right fills a string with spaces on its left to w columns.
func Right(s string, w int) string { return fill(s, w) + s }

func fill(s string, w int) string { return strings.Repeat(" ", max(0, w-Width(s))) }

// Cut shortens a string to w columns, the ellipsis included.
func Cut(s string, w int, ellipsis string) string {
	if Width(s) <= w {
		return s
	}
	room, n := w-Width(ellipsis), 0
	for i, r := range s {
		if n += runeWidth(r); n > room {
			return s[:i] + ellipsis
		}
	}
	return s
}

// CutMiddle shortens a string to w columns by what is in its middle.
func CutMiddle(s string, w int, ellipsis string) string {
	if Width(s) <= w {
		return s
	}
	room := w - Width(ellipsis)
	head := Cut(s, room/2+Width(ellipsis), ellipsis)
	at := len(s)
	for n := Width(head); at > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:at])
		if n += runeWidth(r); n > w {
			break
		}
		at -= size
	}
	return head + s[at:]
}

// Wrap breaks a text into lines of at most w columns between its words; a word that is
// wider stays whole, as paths and commands must that somebody copies.
func Wrap(s string, w int) []string { return lines(strings.Fields(s), w) }

// Fold is Wrap where no line may be wider: it breaks within a word where it must.
func Fold(s string, w int) []string {
	w = max(w, 1)
	var pieces []string
	for _, word := range strings.Fields(s) {
		for Width(word) > w {
			head := Cut(word, w, "")
			if head == "" { // a wide character in a single column
				break
			}
			pieces = append(pieces, head)
			word = word[len(head):]
		}
		pieces = append(pieces, word)
	}
	return lines(pieces, w)
}

// lines puts as many words on each line as it has room for.
func lines(words []string, w int) []string {
	var all []string
	for i, word := range words {
		if last := len(all) - 1; i > 0 && Width(all[last])+1+Width(word) <= w {
			all[last] += " " + word
		} else {
			all = append(all, word)
		}
	}
	return all
}
