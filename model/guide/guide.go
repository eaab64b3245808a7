// Package guide says what a reply may say: which of a model's tokens may come next.
package guide

import "unicode/utf8"

// A Guide narrows a reply while it is written. It serves one reply at a time.
type Guide interface {
	Start()                   // another reply begins
	Allows(piece []byte) bool // whether the reply may go on with piece
	Add(piece []byte)         // it goes on with piece, which is allowed
	Complete() bool           // whether the reply is whole: it ends, without a token that says so
}

// AppendEscaped appends r as a JSON string spells it, with as few escapes as JSON allows.
func AppendEscaped(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r < 0x20:
		return append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
	}
	return utf8.AppendRune(dst, r)
}
