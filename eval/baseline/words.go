package baseline

import (
	"unicode"
	"unicode/utf8"
)

// A word is a half-open range of bytes of a text.
type word struct{ lo, hi int }

// split returns the words of a text: runs of letters, digits, marks and
// apostrophes, and every other character but white space by itself. A letter of a
// script without spaces is a word, with its marks: as one word, a clause could have
// no slot in it.
func split(text string) []word {
	var words []word
	open, alone := false, false // marks may join the last word; nothing else may
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		if open && (unicode.IsMark(r) || !alone && inner(r) && !unspaced(r)) {
			words[len(words)-1].hi = i + size
			continue
		}
		if !unicode.IsSpace(r) {
			words = append(words, word{i, i + size})
		}
		open, alone = inner(r), unspaced(r)
	}
	return words
}

// inner reports whether a character may stand in a word of several.
func inner(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '\'' || r == '’'
}

// unspaced reports whether a character is a letter of a script that puts no spaces
// between words. The marks of long vowels, ー and ｰ, belong to no script.
func unspaced(r rune) bool {
	return unicode.IsLetter(r) && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai,
		unicode.Lao, unicode.Khmer, unicode.Myanmar) || r == 'ー' || r == 'ｰ'
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
