package data

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestExchangeSlots(t *testing.T) {
	train := []Example{
		NewStructured("Six is when to wake me", "alarm", []Slot{{"time", "Six"}}),
		NewStructured("wake me at seven pm", "alarm", []Slot{{"time", "seven pm"}}),
		NewStructured("play x and x", "play", []Slot{{"song", "x"}}),      // twice: stays
		NewStructured("play xylophone", "play", []Slot{{"song", "xylo"}}), // part of a word: stays
		NewStructured("list alarms", "query", nil),
	}
	got := ExchangeSlots(train, nil, 10, 1)
	texts := map[string]bool{}
	for _, e := range got {
		texts[e.Input()] = true
		reply, _ := e.Reply()
		if want := string(AppendReply(nil, e.Intent, e.Slots)); reply != want {
			t.Errorf("reply %s, want %s", reply, want)
		}
	}
	want := map[string]bool{"Seven pm is when to wake me": true, "wake me at Six": true}
	if !reflect.DeepEqual(texts, want) || len(got) != 2 {
		t.Errorf("got %v, want %v", texts, want)
	}
	held := []Example{NewStructured("WAKE me  at six", "alarm", nil)}
	if got := ExchangeSlots(train, held, 10, 1); len(got) != 1 || got[0].Input() != "Seven pm is when to wake me" || !Made(&got[0]) {
		t.Errorf("made %v, want none that is held out", got)
	}
}

// What stands before a command changes nothing of what is made of it, and stays.
func TestAugmentWithSystem(t *testing.T) {
	bare := []Example{
		NewStructured("wake me at seven tomorrow", "alarm", []Slot{{"time", "seven"}}),
		NewStructured("wake them before eight sharp", "alarm", []Slot{{"time", "eight"}}),
	}
	system := Message{"system", "answer shortly precisely politely"}
	framed := slices.Clone(bare)
	for i := range framed {
		framed[i].Messages = append([]Message{system}, bare[i].Messages...)
	}
	for name, make := range map[string]func(examples, avoid []Example, n int, seed uint64) []Example{"exchanged": ExchangeSlots, "invented": InventValues} {
		want, got := make(bare, nil, 10, 1), make(framed, nil, 10, 1)
		if len(want) == 0 {
			t.Fatalf("%s: none of the bare commands", name)
		}
		for i := range want {
			want[i].Messages = append([]Message{system}, want[i].Messages...)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestExchangeSlotsHomeAssistant(t *testing.T) {
	train := load(t, "home-assistant/train.jsonl")
	const n = 5000
	a, b := ExchangeSlots(train, nil, n, 7), ExchangeSlots(train, nil, n, 7)
	if !reflect.DeepEqual(a, b) {
		t.Error("equal seeds, different commands")
	}
	if len(a) != n {
		t.Errorf("%d commands, want %d", len(a), n)
	}
	if c := ExchangeSlots(train, nil, n, 8); reflect.DeepEqual(a, c) {
		t.Error("different seeds, equal commands")
	}
	if len(Overlap(train, a)) != 0 {
		t.Error("a new command is an old one")
	}
	for _, e := range a {
		at := 0
		for _, s := range e.Slots { // the values still stand in the text in order
			i := strings.Index(e.Input()[at:], s.Value)
			if i < 0 {
				t.Fatalf("%q has no %q after %d", e.Input(), s.Value, at)
			}
			at += i + len(s.Value)
		}
	}
}
