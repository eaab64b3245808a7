package serve

import (
	"bytes"
	"net/http"
	"strconv"
	"unicode"
	"unicode/utf16"

	"limbeck/data"
)

// checkText refuses a body that is not UTF-8: encoding/json would read U+FFFD for what
// is not, and the model answer what nobody asked.
func checkText(body []byte) error {
	if err := data.CheckText("the request", body); err != nil {
		return &apiError{status: http.StatusBadRequest, Message: err.Error()}
	}
	return nil
}

// checkEscapes refuses, for the same reason, an escape of half a surrogate pair. body
// must be valid JSON: backslashes are in its strings alone, each with what it escapes.
func checkEscapes(body []byte) error {
	for at := 0; ; {
		i := bytes.IndexByte(body[at:], '\\')
		if i < 0 {
			return nil
		}
		at += i
		unit := escaped(body[at:])
		switch {
		case !utf16.IsSurrogate(unit):
			at += len(`\n`) // what is left of a longer escape has no backslash
		case utf16.DecodeRune(unit, escaped(body[at+len(`\ud800`):])) != unicode.ReplacementChar:
			at += len(`\ud83d\ude00`)
		default:
			return &apiError{status: http.StatusBadRequest, Message: "the request: the escape at offset " + strconv.Itoa(at) +
				" is " + string(body[at:at+len(`\ud800`)]) + ", half a surrogate pair; want a text"}
		}
	}
}

// escaped returns the unit of UTF-16 whose escape text begins with, 0 if it does not.
func escaped(text []byte) rune {
	if !bytes.HasPrefix(text, []byte(`\u`)) {
		return 0
	}
	unit, _ := strconv.ParseUint(string(text[2:6]), 16, 16) // valid JSON has four digits there
	return rune(unit)
}
