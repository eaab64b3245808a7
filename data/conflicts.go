package data

import (
	"cmp"
	"slices"
)

// Conflicts counts the texts for which examples of a form have several labels, or
// several intents with slots, and names the examples of one such text: a model can have
// but one of them right. Texts and replies are the same if metrics take them for the
// same. Other forms have none: that replies in free text differ is no mistake.
func Conflicts(examples []Example, form Form) (texts int, first, second string) {
	if form != Classification && form != StructuredJSON {
		return 0, "", ""
	}
	type known struct {
		id, reply string
		several   bool
	}
	seen := make(map[string]*known, len(examples))
	for i := range examples {
		e := &examples[i]
		reply, ok := e.judged(form)
		if !ok {
			continue
		}
		text := Normalize(e.Input())
		k := seen[text]
		switch {
		case k == nil:
			seen[text] = &known{id: e.ID, reply: reply}
		case !k.several && k.reply != reply:
			k.several = true
			if texts++; texts == 1 {
				first, second = k.id, e.ID
			}
		}
	}
	return texts, first, second
}

// judged returns what metrics compare of the reply to an example of a form: labels
// normalized, and of slots, in any order, their values.
func (e *Example) judged(form Form) (string, bool) {
	if form == Classification {
		reply, ok := e.Reply()
		return Normalize(reply), ok
	}
	g, ok := e.Gold()
	slots := make([]Slot, len(g.Slots))
	for i, s := range g.Slots {
		slots[i] = s.Normalized()
	}
	slices.SortFunc(slots, func(a, b Slot) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)) })
	return string(AppendReply(nil, g.Intent, slots)), ok
}
