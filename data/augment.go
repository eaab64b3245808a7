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
// message, stay. What is in seen, as [inputs] returns it, is not made, nor twice.
func vary(commands []command, seen map[string]bool, n int, rng *rand.Rand, suffix string, other substitute) []Example {
	var out []Example
	for try := 0; len(commands) > 0 && len(out) < n && try < n*triesPerExample; try++ {
		e, ok := commands[rng.IntN(len(commands))].vary(rng, other)
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

// A command is an example whose reply has an intent and slots of a text, its own or, in
// a chat, as a JSON object spells them.
type command struct {
	*Example
	before []Message // of the prompt
	text   string    // the last of it
	slots  []Slot
}

// commandOf returns e as a command; not if it is none.
func commandOf(e *Example) (command, bool) {
	gold, ok := e.Gold()
	last := len(e.Prompt()) - 1
	if !ok || last < 0 {
		return command{}, false
	}
	return command{e, e.Messages[:last], e.Messages[last].Content, gold.Slots}, true
}

// commandsOf returns the commands among examples that have slots, in order.
func commandsOf(examples []Example) []command {
	var all []command
	for i := range examples {
		if c, ok := commandOf(&examples[i]); ok && len(c.slots) > 0 {
			all = append(all, c)
		}
	}
	return all
}

// A span is the half-open range of bytes of a slot's value in a text.
type span struct{ lo, hi int }

// vary replaces at least one value; each further one by a coin's toss.
func (c *command) vary(rng *rand.Rand, other substitute) (Example, bool) {
	text := c.text
	spans := slotSpans(text, c.slots)
	must := rng.IntN(len(c.slots))
	slots := slices.Clone(c.slots)
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
	out, ok := c.with(text, slots)
	if !ok {
		return Example{}, false
	}
	out.Messages = append(slices.Clone(c.before), out.Messages...)
	out.ID, out.Line, out.Split = c.ID, c.Line, c.Split
	return out, true
}

// with returns an example of another text and slots, of the command's kind; not if its
// reply cannot be respelled.
func (c *command) with(text string, slots []Slot) (Example, bool) {
	if c.Kind() == Structured {
		return NewStructured(text, c.Intent, slots), true
	}
	reply, ok := c.respelled(slots)
	return NewChat(text, reply), ok
}

// respelled returns the reply with the values of slots in the place of the command's own,
// and otherwise as it is written; not if one that changed is not there exactly once, as a
// string spelled as [AppendReply] would.
func (c *command) respelled(slots []Slot) (string, bool) {
	reply, _ := c.Reply()
	for i, s := range slots {
		if s == c.slots[i] {
			continue
		}
		old, now := string(appendString(nil, c.slots[i].Value)), string(appendString(nil, s.Value))
		if strings.Count(reply, old) != 1 {
			return "", false
		}
		reply = strings.Replace(reply, old, now, 1)
	}
	got, err := ParseReply(reply)
	return reply, err == nil && slices.Equal(got.Slots, slots)
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
