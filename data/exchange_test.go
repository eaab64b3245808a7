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

// Of chats whose replies spell an intent and slots is made what is made of commands that
// have them, and replies are written as they were.
func TestAugmentChats(t *testing.T) {
	commands := []Example{
		NewStructured("wake me at seven tomorrow", "alarm", []Slot{{"time", "seven"}, {"date", "tomorrow"}}),
		NewStructured("wake them before eight on friday", "alarm", []Slot{{"time", "eight"}, {"date", "friday"}}),
		NewStructured(`say "hi all" to ann`, "say", []Slot{{"text", `"hi all"`}, {"person", "ann"}}),
		NewStructured("say good morning to bob", "say", []Slot{{"text", "good morning"}, {"person", "bob"}}),
	}
	canonical, compact := make([]Example, len(commands)), make([]Example, len(commands))
	shorten := strings.NewReplacer(`: "`, `:"`, `", "`, `","`)
	for i, e := range commands {
		reply, _ := e.Reply()
		canonical[i], compact[i] = NewChat(e.Input(), reply), NewChat(e.Input(), shorten.Replace(reply))
	}
	for name, augment := range map[string]func(examples, avoid []Example, n int, seed uint64) []Example{"exchanged": ExchangeSlots, "invented": InventValues} {
		want := augment(commands, nil, 20, 1)
		chats, short := augment(canonical, nil, 20, 1), augment(compact, nil, 20, 1)
		if len(want) < 5 || len(chats) != len(want) || len(short) != len(want) {
			t.Fatalf("%s: %d of commands, %d and %d of chats", name, len(want), len(chats), len(short))
		}
		for i := range want {
			reply, _ := want[i].Reply()
			for _, c := range []struct {
				got   Example
				reply string
			}{{chats[i], reply}, {short[i], shorten.Replace(reply)}} {
				if got, _ := c.got.Reply(); got != c.reply || c.got.Input() != want[i].Input() || c.got.Kind() != Chat || !Augmented(&c.got) {
					t.Errorf("%s: %q: %q, want %q: %q", name, c.got.Input(), got, want[i].Input(), c.reply)
				}
			}
		}
	}
}

// A chat is left as it is where a value is not the reply's own string alone, or where the
// reply has no intent or other values than strings.
func TestAugmentLeavesChats(t *testing.T) {
	for _, reply := range []string{
		`{"intent": "seven", "time": "seven"}`,
		`{"intent": "alarm", "seven": "seven"}`,
		`{"intent": "alarm", "time": "\u0073even"}`,
		`{"intent": "alarm", "time": "seven", "count": 2}`,
		`{"time": "seven"}`,
		`wake "seven"`,
	} {
		chats := []Example{NewChat("wake me at seven", reply), NewChat("wake him at eight", `{"intent": "sleep", "time": "eight"}`)}
		for _, e := range append(ExchangeSlots(chats, nil, 10, 1), InventValues(chats, nil, 10, 1)...) {
			if strings.HasPrefix(e.Input(), "wake me") {
				t.Errorf("of %s: %+v", reply, e)
			}
		}
	}
}
