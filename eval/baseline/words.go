package baseline

import (
	"unicode"
	"unicode/utf8"
)

// A word is a half-open range of bytes of a text.
type word struct{ lo, hi int }

// split returns the words of a text: runs of letters, digits, marks and
// apostrophes, and every other character but white space by itself.
func split(text string) []word {
	var words []word
	open := false
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		inner := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '\'' || r == '’'
		switch {
		case inner && open:
			words[len(words)-1].hi = i + size
		case !unicode.IsSpace(r):
			words = append(words, word{i, i + size})
		}
		open = inner
	}
	return words
}

// shape maps capitals to X, small letters to x, digits to 9 and writes runs
// once: "McDonald42" is "XxXx9".
func shape(s string) string {
	var out []rune
	for _, r := range s {
		switch {
		case unicode.IsUpper(r):
			r = 'X'
		case unicode.IsLetter(r):
			r = 'x'
		case unicode.IsDigit(r):
			r = '9'
		}
		if len(out) == 0 || out[len(out)-1] != r {
			out = append(out, r)
		}
	}
	return string(out)
}
