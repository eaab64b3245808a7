package data

import (
	"reflect"
	"strings"
	"testing"
)

func TestInventValues(t *testing.T) {
	train := []Example{
		NewStructured("please play Adele", "play", []Slot{{"artist", "Adele"}}),
		NewStructured("play x and x", "play", []Slot{{"song", "x"}}), // twice: stays
		NewStructured("list alarms", "query", nil),
	}
	got := InventValues(train, nil, 20, 1)
	if len(got) == 0 {
		t.Fatal("no command was made")
	}
	words := []string{"please", "play", "list", "alarms"} // "Adele" is a name, "and" is short
	for _, e := range got {
		value := e.Slots[0].Value
		if e.Input() != "please play "+value && e.Input() != "please play "+strings.ToLower(value) {
			t.Errorf("%q with %q was not made of the first example", e.Input(), value)
		}
		if !blended(strings.ToLower(value), words) {
			t.Errorf("%q does not begin as one of %q and end as another", value, words)
		}
		if !Augmented(&e) {
			t.Errorf("%q does not say that it was made", e.ID)
		}
	}
}

// blended reports whether value is a beginning of a word and an end of a word.
func blended(value string, words []string) bool {
	for at := 1; at < len(value); at++ {
		var begins, ends bool
		for _, w := range words {
			begins = begins || strings.HasPrefix(w, value[:at]) && len(w) > at
			ends = ends || strings.HasSuffix(w, value[at:]) && len(w) > len(value)-at
		}
		if begins && ends {
			return true
		}
	}
	return false
}

func TestInventValuesHomeAssistant(t *testing.T) {
	train := load(t, "home-assistant/train.jsonl")
	const n = 5000
	a, b := InventValues(train, nil, n, 7), InventValues(train, nil, n, 7)
	if !reflect.DeepEqual(a, b) {
		t.Error("equal seeds, different commands")
	}
	if len(a) != n {
		t.Errorf("%d commands, want %d", len(a), n)
	}
	if c := InventValues(train, nil, n, 8); reflect.DeepEqual(a, c) {
		t.Error("different seeds, equal commands")
	}
	if len(Overlap(train, a)) != 0 {
		t.Error("a new command is an old one")
	}
	known := slotValues(commandsOf(train))
	fresh := 0
	for _, e := range a {
		for _, s := range e.Slots {
			if !strings.Contains(e.Input(), s.Value) {
				t.Fatalf("%q has no %q", e.Input(), s.Value)
			}
		}
		if newValue(e.Slots, known) {
			fresh++
		}
	}
	if fresh < n*99/100 {
		t.Errorf("%d of %d commands have a value that no example has", fresh, n)
	}
}

func newValue(slots []Slot, known map[string][]string) bool {
	for _, s := range slots {
		found := false
		for _, v := range known[s.Name] {
			found = found || Normalize(v) == Normalize(s.Value)
		}
		if !found {
			return true
		}
	}
	return false
}
