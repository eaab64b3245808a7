package data

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Normalize returns text in the form in which texts and slot values are compared:
// Unicode NFC, lower case, every run of white space one space, none at the ends.
// NFC is applied once more after lower-casing, which can bring letters and marks
// together that then compose; so Normalize(Normalize(s)) is Normalize(s).
func Normalize(text string) string {
	lower := norm.NFC.String(strings.ToLower(norm.NFC.String(text)))
	return strings.Join(strings.Fields(lower), " ")
}
