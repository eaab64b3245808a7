package typeset

import (
	"strings"
	"unicode"
)

// steers tells whether a character of a text from outside could do more than be read:
// control characters steer a terminal, those that turn the direction of text reorder
// what stands around them, and some break lines where nobody expects it.
func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// Plain returns a text from outside, such as a model's reply, without what [Visible]
// would replace, but with its line feeds and tabs. Invalid UTF-8 comes as U+FFFD.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if steers(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// Line makes a text from outside fit to stand on one line, by [Visible] of each of its
// characters. Invalid UTF-8 comes as U+FFFD.
func Line(s string) string { return strings.Map(Visible, s) }

// Visible returns the character itself, or what is seen in the place of one that is to
// have no effect: a space for what breaks lines or is a tab, a control picture, U+FFFD.
func Visible(r rune) rune {
	switch {
	case !steers(r):
		return r
	case r == '\n' || r == '\t' || r == '\r':
		return ' '
	case r < 0x20:
		return 0x2400 + r
	case r == 0x7f:
		return 0x2421
	}
	return '\uFFFD'
}
