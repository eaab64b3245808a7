package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"unicode/utf8"
)

// Holdout divides examples into those to train on and those to validate with,
// both in their order. Rows that their file assigns to validation are the second
// part, if there are any; else share of them, chosen by a hash of their normalized
// input, of few the one text of the least hash, and of texts that are a whole file each
// their ends. Rows of the test part are in neither.
func Holdout(examples []Example, share float64) (train, validation []Example) {
	var rest []Example
	for _, e := range examples {
		switch e.Split {
		case Validation:
			validation = append(validation, e)
		case Test:
		default:
			rest = append(rest, e)
		}
	}
	if len(validation) > 0 {
		return rest, validation
	}
	if len(rest) > 0 && rest[0].Whole { // a data set holds one kind
		return splitTexts(rest, share)
	}
	return splitByHash(rest, share)
}

// Unassigned returns the examples that their file assigns to no other part than
// training.
func Unassigned(examples []Example) []Example {
	var out []Example
	for _, e := range examples {
		if e.Split != Validation && e.Split != Test {
			out = append(out, e)
		}
	}
	return out
}

// splitTexts divides each text: its end, share of its bytes or a little less, is
// in the second part. The cut is where a paragraph begins, or a line, or a word,
// whichever there is before half of the share is gone. A part that would be blank
// is left out.
func splitTexts(examples []Example, share float64) (rest, held []Example) {
	for _, e := range examples {
		at := cutAt(e.Text, share)
		first, second := e, e
		first.Text, second.Text = e.Text[:at], e.Text[at:]
		if strings.TrimSpace(first.Text) != "" {
			rest = append(rest, first)
		}
		if strings.TrimSpace(second.Text) != "" {
			held = append(held, second)
		}
	}
	return rest, held
}

// TextPiece is how many bytes a piece of a plain text has at most, by which models are
// judged: some hundreds of tokens.
const TextPiece = 2000

// CutTexts returns the examples with plain texts in pieces, cut between words where
// there are some. A model may have any tokens: the pieces are the same for all.
func CutTexts(examples []Example) []Example {
	var out []Example
	for _, e := range examples {
		if e.Kind() != Plain {
			out = append(out, e)
			continue
		}
		for text := e.Text; text != ""; {
			n := pieceOf(text)
			e.Text, text = text[:n], text[n:]
			out = append(out, e)
		}
	}
	return out
}

// pieceOf returns the length of the first piece of a text.
func pieceOf(text string) int {
	if len(text) <= TextPiece {
		return len(text)
	}
	if i := strings.LastIndexAny(text[TextPiece/2:TextPiece], "\n "); i >= 0 {
		return TextPiece/2 + i // a word's token often begins with the space before it
	}
	n := TextPiece
	for n > 1 && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

// cutAt returns the offset at which the end of a text begins.
func cutAt(text string, share float64) int {
	n := int(min(1, share) * float64(len(text)))
	if n == len(text) {
		return 0
	}
	at := len(text) - n
	for _, end := range []string{"\n\n", "\n", " "} {
		from := max(0, at-len(end)) // it may end just there
		if i := strings.Index(text[from:at+n/2], end); i >= 0 {
			return from + i + len(end)
		}
	}
	for at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	return at
}

// splitByHash divides examples by the SHA-256 of their normalized input: into the
// second part go those whose first eight bytes, a big-endian number, are below
// share·2⁶⁴. The choice depends on the text alone, so rows with equal text stay
// together, and a row stays where it is when others come or go. Where that would draw
// none of two or more texts, as often of ten, the one of the least number goes there,
// unless share is 0.
func splitByHash(examples []Example, share float64) (rest, held []Example) {
	hashes := make([]uint64, len(examples))
	least, most := uint64(math.MaxUint64), uint64(0)
	for i := range examples {
		h := sha256.Sum256([]byte(Normalize(examples[i].Input())))
		hashes[i] = binary.BigEndian.Uint64(h[:8])
		least, most = min(least, hashes[i]), max(most, hashes[i])
	}
	for i, e := range examples {
		h := hashes[i]
		if float64(h) < share*math.Exp2(64) || share > 0 && h == least && least < most {
			held = append(held, e)
		} else {
			rest = append(rest, e)
		}
	}
	return rest, held
}

// Uneven reports that what [Holdout] held out is far from share of the examples because
// those of one text stay together: more than twice, or less than half, where of the texts
// it is not. Of few texts rounding and chance draw other shares.
func Uneven(rest, held []Example, share float64) bool {
	if share <= 0 || len(held) == 0 || held[0].Whole || held[0].Split == Validation {
		return false
	}
	far := func(n, of int) bool {
		want := max(1, share*float64(of)) // one is the least that can be held out
		return float64(n) > 2*want || 2*float64(n) < want
	}
	if !far(len(held), len(rest)+len(held)) {
		return false
	}
	chosen := len(inputs(held))
	return !far(chosen, len(inputs(rest))+chosen)
}

// inputs returns the normalized texts of examples.
func inputs(examples []Example) map[string]bool {
	seen := make(map[string]bool, len(examples))
	for i := range examples {
		seen[Normalize(examples[i].Input())] = true
	}
	return seen
}

// Overlap returns the positions of the examples of test whose normalized input
// occurs among those of train: rows that a model may know by heart.
func Overlap(train, test []Example) []int {
	seen := inputs(train)
	var found []int
	for i := range test {
		if seen[Normalize(test[i].Input())] {
			found = append(found, i)
		}
	}
	return found
}

// Digest identifies what examples teach: the SHA-256, in hexadecimal, of their
// rows as [WriteJSONL] writes them, without identifiers. It depends on the order of
// the rows, not on the file format that they came from.
func Digest(examples []Example) string {
	h := sha256.New()
	var line []byte
	for i := range examples {
		line = append(appendRow(line[:0], &examples[i], false), '\n')
		h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil))
}
