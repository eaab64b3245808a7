package data

import (
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"
)

// triesPerExample bounds the search for new commands: data with few values runs
// out of combinations.
const triesPerExample = 20

// ExchangedSuffix ends the identifiers of examples that [ExchangeSlots] made.
const ExchangedSuffix = "+slots"

// ExchangeSlots returns up to n new commands, made by putting values of slots
// from other commands in the place of a command's own ("wake me at [time]"). A
// value is replaced by one of another command's slot of the same name, in the text
// and in the reply; only where it stands exactly once in the text, between
// characters that are neither letters nor digits, and apart from the other slots.
// No result equals, after [Normalize], an example or another result. Equal
// arguments give equal results. It returns fewer than n when combinations are
// hard to find; only examples with intent and slots are used.
func ExchangeSlots(examples []Example, n int, seed uint64) []Example {
	rng := rand.New(rand.NewPCG(seed, 0x736c6f7473)) // "slots"
	pool := slotValues(examples)
	seen := make(map[string]bool, len(examples)+n)
	var usable []int
	for i := range examples {
		seen[Normalize(examples[i].Input())] = true
		if examples[i].Kind() == Structured && len(examples[i].Prompt()) == 1 && len(examples[i].Slots) > 0 {
			usable = append(usable, i)
		}
	}
	var out []Example
	for try := 0; len(usable) > 0 && len(out) < n && try < n*triesPerExample; try++ {
		from := &examples[usable[rng.IntN(len(usable))]]
		e, ok := exchangeIn(from, pool, rng)
		if !ok {
			continue
		}
		key := Normalize(e.Input())
		if seen[key] {
			continue
		}
		seen[key] = true
		out = append(out, e)
	}
	return out
}

// slotValues returns the distinct values of each slot in order of appearance.
func slotValues(examples []Example) map[string][]string {
	pool := map[string][]string{}
	seen := map[Slot]bool{}
	for i := range examples {
		for _, s := range examples[i].Slots {
			if k := (Slot{s.Name, Normalize(s.Value)}); !seen[k] && k.Value != "" {
				seen[k] = true
				pool[s.Name] = append(pool[s.Name], s.Value)
			}
		}
	}
	return pool
}

// A span is the half-open range of bytes of a slot's value in a text.
type span struct{ lo, hi int }

// exchangeIn replaces at least one value of e; each further one by a coin's toss.
func exchangeIn(e *Example, pool map[string][]string, rng *rand.Rand) (Example, bool) {
	text := e.Prompt()[0].Content
	spans := slotSpans(text, e.Slots)
	must := rng.IntN(len(e.Slots))
	slots := append([]Slot(nil), e.Slots...)
	changed := false
	shift := 0
	for _, i := range inTextOrder(spans) {
		s := slots[i]
		values := pool[s.Name]
		if i != must && rng.IntN(2) == 0 || len(values) < 2 {
			continue
		}
		value := values[rng.IntN(len(values))]
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
	out.ID, out.Line, out.Split = e.ID+ExchangedSuffix, e.Line, e.Split
	return out, true
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
	return (lo == 0 || !wordRune(before)) && (hi == len(text) || !wordRune(after))
}

func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
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
