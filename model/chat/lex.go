package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokText
	tokVarBegin   // {{
	tokVarEnd     // }}
	tokBlockBegin // {%
	tokBlockEnd   // %}
	tokName
	tokString // text is the value, escapes resolved
	tokInt
	tokFloat
	tokOp
)

// lexeme is a token of a template.
type lexeme struct {
	kind tokenKind
	text string
	line int
}

// String says what stands there, for errors.
func (l lexeme) String() string {
	switch l.kind {
	case tokEOF:
		return "the end of the template"
	case tokVarEnd:
		return "}}"
	case tokBlockEnd:
		return "%}"
	case tokString:
		return fmt.Sprintf("the string %.40q", l.text)
	}
	return fmt.Sprintf("%.40q", l.text)
}

// lexer cuts a template into tokens. White space around blocks goes as Jinja's
// lexer does it with trim_blocks and lstrip_blocks.
type lexer struct {
	src       string
	at        int
	line      int
	lineStart bool // what was read last ended with a newline
	out       []lexeme
}

// lex cuts a template into tokens, the last being tokEOF.
func lex(source string) []lexeme {
	source = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source)
	source = strings.TrimSuffix(source, "\n") // keep_trailing_newline is off
	l := &lexer{src: source, line: 1, lineStart: true}
	for l.at < len(l.src) {
		l.text()
	}
	l.emit(tokEOF, "")
	return l.out
}

func (l *lexer) fail(format string, args ...any) {
	panic(&failure{l.line, fmt.Sprintf(format, args...)})
}

func (l *lexer) emit(kind tokenKind, text string) {
	l.out = append(l.out, lexeme{kind, text, l.line})
}

// skip moves on by n bytes.
func (l *lexer) skip(n int) {
	if n == 0 {
		return
	}
	l.line += strings.Count(l.src[l.at:l.at+n], "\n")
	l.at += n
	l.lineStart = l.src[l.at-1] == '\n'
}

func (l *lexer) skipSpace() {
	rest := l.src[l.at:]
	l.skip(len(rest) - len(strings.TrimLeftFunc(rest, isSpace)))
}

// text reads up to and including the next tag.
func (l *lexer) text() {
	rest := l.src[l.at:]
	tag := 0
	for ; ; tag++ {
		i := strings.IndexByte(rest[tag:], '{')
		if i < 0 || tag+i+1 >= len(rest) {
			l.emitText(rest)
			l.skip(len(rest))
			return
		}
		tag += i
		if c := rest[tag+1]; c == '{' || c == '%' || c == '#' {
			break
		}
	}
	text, sign := rest[:tag], byte(0)
	if tag+2 < len(rest) && (rest[tag+2] == '-' || rest[tag+2] == '+') {
		sign = rest[tag+2]
	}
	kind := rest[tag+1]
	l.emitText(l.strip(text, sign, kind != '{'))
	l.skip(tag + 2)
	if sign != 0 {
		l.skip(1)
	}
	switch kind {
	case '{':
		l.emit(tokVarBegin, "{{")
		l.expression("}}", tokVarEnd)
	case '#':
		l.comment()
	case '%':
		if !l.raw() {
			l.emit(tokBlockBegin, "{%")
			l.expression("%}", tokBlockEnd)
		}
	}
}

func (l *lexer) emitText(text string) {
	if text != "" {
		l.emit(tokText, text)
	}
}

// strip removes from the end of text what the tag behind it takes: all white space
// with a minus; the indentation if it is a block alone on its line, without a plus.
func (l *lexer) strip(text string, sign byte, block bool) string {
	if sign == '-' {
		return strings.TrimRightFunc(text, isSpace)
	}
	if sign == '+' || !block {
		return text
	}
	start := strings.LastIndexByte(text, '\n') + 1
	if (start > 0 || l.lineStart) && strings.TrimLeftFunc(text[start:], isSpace) == "" {
		return text[:start]
	}
	return text
}

// end reads the end of a tag, if it is here: with its sign, and the white space that
// goes with it.
func (l *lexer) end(mark string, block bool) bool {
	rest := l.src[l.at:]
	switch {
	case strings.HasPrefix(rest, "-"+mark):
		l.skip(1 + len(mark))
		l.skipSpace()
	case block && strings.HasPrefix(rest, "+"+mark):
		l.skip(1 + len(mark))
	case strings.HasPrefix(rest, mark):
		l.skip(len(mark))
		if block && strings.HasPrefix(l.src[l.at:], "\n") {
			l.skip(1)
		}
	default:
		return false
	}
	return true
}

func (l *lexer) comment() {
	i := strings.Index(l.src[l.at:], "#}")
	if i < 0 {
		l.fail("comment without its end #}")
	}
	if i > 0 && (l.src[l.at+i-1] == '-' || l.src[l.at+i-1] == '+') {
		i--
	}
	l.skip(i)
	l.end("#}", true)
}

// raw reads {% raw %} … {% endraw %}, if that is here.
func (l *lexer) raw() bool {
	n := rawTag(l.src[l.at:], "raw")
	if n < 0 {
		return false
	}
	l.skip(n)
	if strings.HasPrefix(l.src[l.at:], "-%}") {
		l.skip(3)
		l.skipSpace()
	} else {
		l.skip(2) // the newline behind stays
	}
	rest := l.src[l.at:]
	for from := 0; ; {
		i := strings.Index(rest[from:], "{%")
		if i < 0 {
			l.fail("raw without its endraw")
		}
		from += i + 2
		sign := byte(0)
		if from < len(rest) && (rest[from] == '-' || rest[from] == '+') {
			sign = rest[from]
			from++
		}
		if n := rawTag(rest[from:], "endraw"); n >= 0 {
			open := from - 2
			if sign != 0 {
				open--
			}
			l.emitText(l.strip(rest[:open], sign, true))
			l.skip(from + n)
			l.end("%}", true)
			return true
		}
	}
}

// rawTag returns the size of a tag's name with the white space around it, -1 if the
// tag is another one.
func rawTag(text, name string) int {
	rest, ok := strings.CutPrefix(strings.TrimLeftFunc(text, isSpace), name)
	if !ok {
		return -1
	}
	rest = strings.TrimLeftFunc(rest, isSpace)
	if !strings.HasPrefix(rest, "%}") && !strings.HasPrefix(rest, "-%}") && !strings.HasPrefix(rest, "+%}") {
		return -1
	}
	return len(text) - len(rest)
}

// expression reads the tokens of a tag and its end.
func (l *lexer) expression(mark string, kind tokenKind) {
	var open []byte // brackets; within them }} ends nothing
	for {
		l.skipSpace()
		if len(open) == 0 {
			line := l.line
			if l.end(mark, kind == tokBlockEnd) {
				l.out = append(l.out, lexeme{kind, mark, line})
				return
			}
		}
		if l.at == len(l.src) {
			l.fail("tag without its end %s", mark)
		}
		open = l.token(open)
	}
}

// operators are those of two bytes; the others are one of operatorBytes.
var operators = []string{"//", "**", "==", "!=", ">=", "<="}

const operatorBytes = "+-/*%~[](){}><=.:|,"

// token reads one token of an expression.
func (l *lexer) token(open []byte) []byte {
	rest := l.src[l.at:]
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case rest[0] == '"' || rest[0] == '\'':
		l.str()
	case rest[0] >= '0' && rest[0] <= '9':
		l.number()
	case r == '_' || unicode.IsLetter(r):
		n := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if n < 0 {
			n = len(rest)
		}
		if n > maxName {
			l.fail("a name of %d bytes, want at most %d", n, maxName)
		}
		l.emit(tokName, rest[:n])
		l.skip(n)
	default:
		return l.operator(open)
	}
	return open
}

func (l *lexer) operator(open []byte) []byte {
	rest := l.src[l.at:]
	n := 1
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			n = 2
		}
	}
	if n == 1 && strings.IndexByte(operatorBytes, rest[0]) < 0 {
		r, _ := utf8.DecodeRuneInString(rest)
		l.fail("unexpected character %q", r)
	}
	switch c := rest[0]; c {
	case '(', '[', '{':
		open = append(open, c)
	case ')', ']', '}':
		if len(open) == 0 || open[len(open)-1] != map[byte]byte{')': '(', ']': '[', '}': '{'}[c] {
			l.fail("unexpected %q", c)
		}
		open = open[:len(open)-1]
	}
	l.emit(tokOp, rest[:n])
	l.skip(n)
	return open
}

// isSpace is Python's str.isspace.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
