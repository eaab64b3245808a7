package words

import (
	"fmt"
	"unicode/utf8"
)

// Quote quotes text from outside for an error, cut to a length that fits one, with a
// sign of that behind it.
func Quote(s string) string {
	const most = 60
	q := fmt.Sprintf("%.*q", most, s)
	if utf8.RuneCountInString(s) > most {
		q += "…"
	}
	return q
}
