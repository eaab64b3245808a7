package chat

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// str reads a string literal, in either kind of quotes.
func (l *lexer) str() {
	rest := l.src[l.at:]
	quote := rest[0]
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case quote:
			l.emit(tokString, l.unescape(rest[1:i]))
			l.skip(i + 1)
			return
		}
	}
	l.fail("string without its end %c", quote)
}

// simpleEscapes are Python's escapes of one letter.
var simpleEscapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f",
	'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape resolves Python's escapes; unknown ones stay as they are.
func (l *lexer) unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if text, ok := simpleEscapes[s[i]]; ok {
			b.WriteString(text)
			continue
		}
		n := l.codePoint(&b, s[i:])
		if n == 0 {
			b.WriteByte('\\')
			b.WriteByte(s[i])
			continue
		}
		i += n - 1
	}
	return b.String()
}

// codePoint resolves \xhh, \uhhhh, \Uhhhhhhhh and octal escapes, returning their
// size without the backslash, 0 if s is none.
func (l *lexer) codePoint(b *strings.Builder, s string) int {
	digits, base, skip := 0, 16, 1
	switch c := s[0]; {
	case c == 'x':
		digits = 2
	case c == 'u':
		digits = 4
	case c == 'U':
		digits = 8
	case c >= '0' && c <= '7':
		base, skip = 8, 0
		for digits < 3 && digits < len(s) && s[digits] >= '0' && s[digits] <= '7' {
			digits++
		}
	case c == 'N':
		l.fail("escape \\N{…} is not supported")
	default:
		return 0
	}
	if len(s) < skip+digits {
		l.fail("escape \\%s is too short", s)
	}
	v, err := strconv.ParseUint(s[skip:skip+digits], base, 32)
	if err != nil || !utf8.ValidRune(rune(v)) {
		l.fail("escape \\%s is no code point", s[:skip+digits])
	}
	b.WriteRune(rune(v))
	return skip + digits
}

// number reads an integer or a float.
func (l *lexer) number() {
	rest := l.src[l.at:]
	run := func(from int, set string) int {
		for from < len(rest) && strings.IndexByte(set, rest[from]) >= 0 {
			from++
		}
		return from
	}
	const digits = "0123456789_"
	kind, end := tokInt, 0
	if len(rest) > 2 && rest[0] == '0' && strings.IndexByte("xXoObB", rest[1]) >= 0 {
		end = run(2, digits+"abcdefABCDEF")
	} else {
		end = run(0, digits)
		member := l.at > 0 && l.src[l.at-1] == '.' // x.0.1 is no float
		if next := run(end+1, digits); !member && end < len(rest) && rest[end] == '.' && next > end+1 {
			kind, end = tokFloat, next
		}
		if !member && end < len(rest) && (rest[end] == 'e' || rest[end] == 'E') {
			from := run(end+1, "+-")
			if next := run(from, digits); next > from && from <= end+2 {
				kind, end = tokFloat, next
			}
		}
	}
	l.emit(kind, strings.ReplaceAll(rest[:end], "_", ""))
	l.skip(end)
}
