package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model/guide"
)

func TestExtractiveData(t *testing.T) {
	one := NewStructured("wake me at six", "alarm", []Slot{{"time", "six"}})
	bare := NewStructured("good morning", "greet", nil)
	other := NewStructured("wake me at six", "alarm", []Slot{{"time", "06:00"}})
	logged := NewChat("wake me at six", `{"intent": "alarm", "time": "six"}`)
	spelled := NewChat("wake me at six", `{"intent":"alarm","time":"six"}`)
	synthetic := other
	synthetic.ID = "1" + SyntheticSuffix
	for _, c := range []struct {
		name     string
		examples []Example
		want     bool
	}{
		{"values of the text", []Example{one, bare}, true},
		{"as messages", []Example{logged}, true},
		{"a slip in a hundred", append(slices.Repeat([]Example{one}, 99), other), true},
		{"made by a model", []Example{one, synthetic}, true},
		{"more slips", append(slices.Repeat([]Example{one}, 98), other, other), false},
		{"no values", []Example{bare}, false},
		{"another spelling", []Example{spelled}, false},
		{"labels", []Example{NewLabeled("wake me at six", "alarm")}, false},
		{"free text", []Example{NewChat("wake me at six", "six it is")}, false},
		{"plain text", []Example{{Text: "six"}}, false},
		{"none", nil, false},
	} {
		if got := Extractive(c.examples); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// What data count as extractive is what a model is held to: both take the texts of all
// messages for the input.
func TestExtractiveIsWhatModelsAreHeldTo(t *testing.T) {
	m := testkit.Model(1)
	m.SetExtractive(true)
	e := NewStructured("wake me\nat six", "alarm", []Slot{{"mood", "be brief"}, {"time", "six"}})
	e.Messages = append([]Message{{"system", "be brief"}}, e.Messages...)
	reply, _ := e.Reply()
	if g := m.Guide(Conversation(e.Prompt())); !e.Extractive() || !g.Allows([]byte(reply)) {
		t.Errorf("%s: extractive is %v, allowed %v, want both", reply, e.Extractive(), g.Allows([]byte(reply)))
	}
}

func TestExtractiveDevelopmentData(t *testing.T) {
	for ref, want := range map[string]bool{"home-assistant/train.jsonl": true, "snips/validate_*.json": true, "clinc150/data_full.json#train": false} {
		t.Run(ref, func(t *testing.T) {
			examples := load(t, ref)
			fit := 0
			for i := range examples {
				if examples[i].Extractive() {
					fit++
				}
			}
			if got := Extractive(examples); got != want {
				t.Errorf("%v with %d of %d, want %v", got, fit, len(examples), want)
			}
		})
	}
}

// What [AppendReply] writes of slots in the order of the text is what the guide allows,
// whatever the text.
func TestExtractiveAllowsReplies(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	words := []string{"six", "am", "six", "\"a\"", "b\\c", "né", "e\u0301", "7:30", "p.m.", "o'clock", "\x02", "日本", "…", "{\"intent\": \"", ", \"n1\": \""}
	for range 2000 {
		var text []string
		var slots []Slot
		for range 1 + rng.IntN(8) {
			value := words[rng.IntN(len(words))]
			for rng.IntN(3) == 0 {
				value += " " + words[rng.IntN(len(words))]
			}
			if text = append(text, value); rng.IntN(2) == 0 {
				slots = append(slots, Slot{fmt.Sprint("n", rng.IntN(4)), strings.TrimSpace(value)})
			}
		}
		e := NewStructured(strings.Join(text, [...]string{" ", "\n", ", "}[rng.IntN(3)]), "i", slots)
		if reply, _ := e.Reply(); !e.Extractive() {
			t.Fatalf("%q is not allowed for %q", reply, e.Input())
		}
	}
}

// FuzzExtractive checks that a reply which the guide allows is one JSON object, whose
// values occur in the input.
func FuzzExtractive(f *testing.F) {
	f.Add("wake me at six", `{"intent": "alarm", "time": "six"}`)
	f.Add("six or \"seven\" today", `{"intent": "alarm", "time": ["six", "\"seven\""], "date": "today"}`)
	f.Add("a\\ b\n\xff", `{"intent": "é", "b": "a\\", "c": "b"}`)
	f.Fuzz(func(t *testing.T, input, reply string) {
		g := guide.NewExtractive(input)
		// What is not allowed is left out, so that more replies come to an end.
		var kept []byte
		for _, b := range []byte(reply) {
			if g.Allows([]byte{b}) {
				g.Add([]byte{b})
				kept = append(kept, b)
			}
		}
		if !g.Complete() {
			return
		}
		if !guide.NewExtractive(input).Fits(string(kept)) {
			t.Fatalf("%q is complete for %q, and does not fit", kept, input)
		}
		r, err := ParseReply(string(kept))
		if err != nil || r.Intent == "" || r.Odd > 0 {
			t.Fatalf("%q for %q: %+v, %v", kept, input, r, err)
		}
		for _, s := range r.Slots {
			if s.Value == "" || s.Name == "" || !strings.Contains(string([]rune(input)), s.Value) {
				t.Fatalf("%q for %q: value %q of %q", kept, input, s.Value, s.Name)
			}
		}
	})
}
