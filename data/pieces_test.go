package data

import (
	"slices"
	"strconv"
	"testing"
)

func TestPiecesOfCommands(t *testing.T) {
	var examples []Example
	for i := range 20 {
		time := strconv.Itoa(i) + " pm"
		examples = append(examples,
			NewStructured("wake me at "+time+" tomorrow", "alarm_set", []Slot{{"time", time}, {"date", "tomorrow"}}),
			NewStructured("lights off in "+strconv.Itoa(i), "lights_off", []Slot{{"place", strconv.Itoa(i)}, {"place", "in"}}))
	}
	got := Pieces(examples, 100)
	want := []string{`{"intent": "lights_off`, `{"intent": "alarm_set`, `", "place": ["`, `", "date": "`, `", "time": "`, `", "`, `"]}`, `"}`}
	if !slices.Equal(got, want) {
		t.Errorf("pieces %q, want %q", got, want)
	}
	if got := Pieces(examples, 2); !slices.Equal(got, want[:2]) {
		t.Errorf("the two best are %q, want %q", got, want[:2])
	}
}

func TestPiecesAreNeverInPrompts(t *testing.T) {
	var examples []Example
	for range 20 {
		examples = append(examples, NewLabeled("is it good?", "positive"), NewLabeled("is it bad?", "negative"))
	}
	examples = append(examples, NewLabeled("is it a negative?", "positive"))
	if got := Pieces(examples, 10); !slices.Equal(got, []string{"positive"}) {
		t.Errorf("pieces %q, want positive alone: negative is in a prompt", got)
	}
}

func TestPiecesOfFreeText(t *testing.T) {
	var examples []Example
	for i := range 50 {
		examples = append(examples, NewChat("hello "+strconv.Itoa(i), "hello, number "+strconv.Itoa(i)))
	}
	if got := Pieces(examples, 10); len(got) != 0 {
		t.Errorf("pieces %q of replies that do not repeat, want none", got)
	}
}

func TestValueSpans(t *testing.T) {
	const reply = `{"a": "x", "b": {"c": ["y", 1, {"d": "z\"q"}], "e": true}, "f": ["w"]}`
	want := []struct{ path, value string }{{".a", "x"}, {".b.c", "y"}, {".b.c.d", `z\"q`}, {".f", "w"}}
	spans, ok := valueSpans(reply)
	if !ok || len(spans) != len(want) {
		t.Fatalf("%d spans of an object: %v, want %d", len(spans), ok, len(want))
	}
	for i, s := range spans {
		if got := reply[s.lo:s.hi]; s.path != want[i].path || got != want[i].value {
			t.Errorf("span %d: %s is %q, want %s is %q", i, s.path, got, want[i].path, want[i].value)
		}
	}
	for _, text := range []string{"", "a", `{"a": `, `["a"]`, `{"a": "x"} {}`} {
		if _, ok := valueSpans(text); ok {
			t.Errorf("%q counts as a JSON object", text)
		}
	}
}
