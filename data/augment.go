package data

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"limbeck/model/guide"
)

// triesPerExample bounds the search for new commands: data with few values runs
// out of combinations.
const triesPerExample = 20

// suffixes end the identifiers of examples that were made.
const (
	exchangedSuffix = "+exchanged"
	inventedSuffix  = "+invented"

	// SyntheticSuffix ends those of examples that a teacher answered.
	SyntheticSuffix = "+synthetic"
)

// Augmented reports whether e was made of another example, by [ExchangeSlots] or
// [InventValues].
func Augmented(e *Example) bool {
	return strings.HasSuffix(e.ID, exchangedSuffix) || strings.HasSuffix(e.ID, inventedSuffix)
}

// Made reports whether e is no example of the data: it is [Augmented], or synthetic.
func Made(e *Example) bool { return Augmented(e) || strings.HasSuffix(e.ID, SyntheticSuffix) }

// A substitute gives what is to stand in the place of a slot's value; the value
// itself, if there is nothing else.
type substitute func(Slot, *rand.Rand) string

// vary returns up to n new commands, under the terms of [ExchangeSlots], made by putting
// other values in the place of a command's own, in the text and in the reply; only where
// a value stands between characters that are neither letters nor digits, and apart from
// the other slots. The text is the last message of a prompt; those before it, as a system
// message, stay.
func vary(examples, avoid []Example, n int, rng *rand.Rand, suffix string, other substitute) []Example {
	seen := inputs(slices.Concat(examples, avoid))
	var usable []int
	for i := range examples {
		if examples[i].Kind() == Structured && len(examples[i].Prompt()) > 0 && len(examples[i].Slots) > 0 {
			usable = append(usable, i)
		}
	}
	var out []Example
	for try := 0; len(usable) > 0 && len(out) < n && try < n*triesPerExample; try++ {
		from := &examples[usable[rng.IntN(len(usable))]]
		e, ok := varyOne(from, rng, other)
		if !ok {
			continue
		}
		key := Normalize(e.Input())
		if seen[key] {
			continue
		}
		seen[key] = true
		e.ID += suffix
		out = append(out, e)
	}
	return out
}

// A span is the half-open range of bytes of a slot's value in a text.
type span struct{ lo, hi int }

// varyOne replaces at least one value of e; each further one by a coin's toss.
func varyOne(e *Example, rng *rand.Rand, other substitute) (Example, bool) {
	before, text := command(e)
	spans := slotSpans(text, e.Slots)
	must := rng.IntN(len(e.Slots))
	slots := append([]Slot(nil), e.Slots...)
	changed := false
	shift := 0
	for _, i := range inTextOrder(spans) {
		s := slots[i]
		if i != must && rng.IntN(2) == 0 {
			continue
		}
		value := other(s, rng)
		if Normalize(value) == Normalize(s.Value) {
			continue
		}
		lo, hi := spans[i].lo+shift, spans[i].hi+shift
		value = matchCase(value, text[lo:hi], lo == 0)
		text = text[:lo] + value + text[hi:]
		shift += len(value) - (hi - lo)
		slots[i].Value = value
		changed = true
	}
	if !changed || !findable(text, slots) {
		return Example{}, false
	}
	out := NewStructured(text, e.Intent, slots)
	out.Messages = append(slices.Clone(before), out.Messages...)
	out.ID, out.Line, out.Split = e.ID, e.Line, e.Split
	return out, true
}

// command returns the text that an example's intent and slots are of, and the messages
// before it.
func command(e *Example) (before []Message, text string) {
	p := e.Prompt()
	last := len(p) - 1
	return p[:last], p[last].Content
}

// slotSpans returns where each slot's value stands, or an empty span for those
// that may not be exchanged.
func slotSpans(text string, slots []Slot) []span {
	spans := make([]span, len(slots))
	for i, s := range slots {
		spans[i] = only(text, s.Value)
	}
	for i := range spans {
		for j := range spans {
			if i != j && spans[i].lo < spans[j].hi && spans[j].lo < spans[i].hi {
				return make([]span, len(slots)) // values that share characters: leave all
			}
		}
	}
	return spans
}

// inTextOrder returns the indices of the spans that are not empty, by position.
func inTextOrder(spans []span) []int {
	var order []int
	for i, s := range spans {
		if s.hi == 0 {
			continue
		}
		at := len(order)
		for at > 0 && spans[order[at-1]].lo > s.lo {
			at--
		}
		order = append(order[:at], append([]int{i}, order[at:]...)...)
	}
	return order
}

// only returns the one place of value in text where no letter or digit touches
// it, or an empty span if there is none or more than one.
func only(text, value string) span {
	var found span
	if value == "" {
		return found
	}
	for at := 0; ; {
		i := strings.Index(text[at:], value)
		if i < 0 {
			return found
		}
		lo, hi := at+i, at+i+len(value)
		if bounded(text, lo, hi) {
			if found.hi > 0 {
				return span{}
			}
			found = span{lo, hi}
		}
		_, size := utf8.DecodeRuneInString(text[lo:])
		at = lo + size
	}
}

// bounded reports whether text[lo:hi] is not a part of a longer word.
func bounded(text string, lo, hi int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:lo])
	after, _ := utf8.DecodeRuneInString(text[hi:])
	return (lo == 0 || !guide.WordRune(before)) && (hi == len(text) || !guide.WordRune(after))
}

// findable reports whether every value still stands in the text in one piece.
func findable(text string, slots []Slot) bool {
	for _, s := range slots {
		if !strings.Contains(text, s.Value) {
			return false
		}
	}
	return true
}

// matchCase gives a value at the start of a text the upper-case letter that the
// value it replaces had there.
func matchCase(value, replaced string, atStart bool) string {
	old, _ := utf8.DecodeRuneInString(replaced)
	first, size := utf8.DecodeRuneInString(value)
	if !atStart || !unicode.IsUpper(old) || !unicode.IsLower(first) {
		return value
	}
	return string(unicode.ToUpper(first)) + value[size:]
}
