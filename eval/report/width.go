package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cells is how many columns of a terminal a string takes: none for what
// combines, two for East Asian wide characters and emoji.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += runeCells(r)
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

func runeCells(r rune) int {
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

// pad fills a string with spaces to w columns, on the right or on the left.
func pad(s string, w int, left bool) string {
	fill := strings.Repeat(" ", max(0, w-cells(s)))
	if left {
		return fill + s
	}
	return s + fill
}

// cut shortens a string to w columns, the ellipsis included.
func cut(s string, w int, ellipsis string) string {
	if cells(s) <= w {
		return s
	}
	room, n := w-cells(ellipsis), 0
	for i, r := range s {
		if n += runeCells(r); n > room {
			return s[:i] + ellipsis
		}
	}
	return s
}

// cutMiddle shortens a string to w columns by what is in its middle.
func cutMiddle(s string, w int, ellipsis string) string {
	if cells(s) <= w {
		return s
	}
	room := w - cells(ellipsis)
	head := cut(s, room/2+cells(ellipsis), ellipsis)
	at := len(s)
	for n := cells(head); at > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:at])
		if n += runeCells(r); n > w {
			break
		}
		at -= size
	}
	return head + s[at:]
}

// wrap breaks a text into lines of at most w columns, between words where it
// can, within a word where it must.
func wrap(s string, w int) []string {
	w = max(w, 1)
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && cells(line)+1+cells(word) <= w {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for cells(word) > w {
			head := cut(word, w, "")
			if head == "" { // a wide character in a single column
				break
			}
			lines = append(lines, head)
			word = word[len(head):]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
