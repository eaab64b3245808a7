package steps

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/recipe/run"
)

// What a model writes that is no text, as a random one does, is the same to a run that
// was interrupted after it as to one that was not.
func TestBytesThatAreNoText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := testkit.Model(1).Save(path); err != nil {
		t.Fatal(err)
	}
	pool := par.New(1)
	defer pool.Close()
	w := run.NewWork(t.TempDir(), t.TempDir(), map[string]string{"writer": path, "teacher": path}, nil, io.Discard)
	s := synthesizeSettings{Seed: 1, Prompts: 40, Temperature: 1, MaxTokens: 60}
	train := []data.Example{data.NewChat("hi", "a reply of some length")}
	frame, err := newFrame(train)
	if err != nil {
		t.Fatal(err)
	}
	var texts [2][]string
	var answers [2][]answer
	for i := range texts { // the second time from what was kept
		if texts[i], err = s.write(t.Context(), w, "", pool); err != nil {
			t.Fatal(err)
		}
		prompts := []string{"ab", "cd", "ef", "gh", "ij", "kl", "mn", "op"}
		if answers[i], err = s.answer(t.Context(), w, "", frame, train, prompts, pool); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.ContainsFunc(answers[1], func(a answer) bool { return strings.Contains(a.Text, "\uFFFD") }) {
		t.Fatal("the model writes text alone: nothing is tested")
	}
	if !slices.Equal(texts[0], texts[1]) || !slices.Equal(answers[0], answers[1]) {
		t.Error("prompts or answers differ from those that were kept")
	}
}

func TestNovel(t *testing.T) {
	known := []data.Example{{Text: "a text has no input"}, data.NewLabeled("Good  morning", "hello")}
	got := novel([]string{"", "good morning", "bye", "Bye ", "see you"}, known)
	if want := []string{"bye", "see you"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFrameKeepsAnswersLikeTheData(t *testing.T) {
	lamp := data.NewStructured("lamp on in the hall", "on", []data.Slot{{Name: "place", Value: "hall"}})
	system := data.Message{Role: "system", Content: "Be brief."}
	framed := lamp
	framed.Messages = append([]data.Message{system}, lamp.Messages...)
	odd := data.NewStructured("lamp on", "on", []data.Slot{{Name: "place", Value: "everywhere"}})
	for _, c := range []struct {
		name          string
		data          []data.Example
		prompt, reply string
		ok            bool
	}{
		{"good", []data.Example{lamp}, "fan on in the attic", `{"intent": "on", "place": "attic"}`, true},
		{"other case", []data.Example{lamp}, "Attic fan on", `{"intent": "on", "place": "attic"}`, false},
		{"foreign value", []data.Example{lamp}, "fan on", `{"intent": "on", "place": "attic"}`, false},
		{"foreign value, as in the data", []data.Example{odd}, "fan on", `{"intent": "on", "place": "attic"}`, true},
		{"unknown intent", []data.Example{lamp}, "fan off", `{"intent": "off"}`, false},
		{"unknown slot", []data.Example{lamp}, "fan on now", `{"intent": "on", "time": "now"}`, false},
		{"no JSON", []data.Example{lamp}, "fan on", `on`, false},
		{"no text", []data.Example{lamp}, "fan on", `{"intent": "on", "place": 3}`, false},
		{"system", []data.Example{framed}, "fan on", `{"intent": "on"}`, true},
		{"label", []data.Example{data.NewLabeled("hi", "hello")}, "ho", "hello", true},
		{"unknown label", []data.Example{data.NewLabeled("hi", "hello")}, "ho", "bye", false},
		{"chat", []data.Example{data.NewChat("hi", "hello")}, "ho", "ho ho", true},
		{"empty chat", []data.Example{data.NewChat("hi", "hello")}, "ho", " ", false},
	} {
		f, err := newFrame(c.data)
		if err != nil {
			t.Fatal(err)
		}
		e, ok := f.example(c.prompt, c.reply)
		if ok != c.ok {
			t.Errorf("%s: kept is %t, want %t", c.name, ok, c.ok)
		}
		if ok && (e.Input() == "" || e.Kind() != c.data[0].Kind() || len(e.Prompt()) != len(c.data[0].Prompt())) {
			t.Errorf("%s: example %+v", c.name, e)
		}
	}
}

func TestFrameErrors(t *testing.T) {
	talk := data.Example{ID: "talk", Messages: []data.Message{{Role: "user", Content: "a"}, {Role: "assistant", Content: "b"}, {Role: "user", Content: "c"}, {Role: "assistant", Content: "d"}}}
	for want, examples := range map[string][]data.Example{
		"no training examples to make further ones like":                                                            nil,
		"example talk: synthesize needs prompts of one message, at most with one system message that all share":     {talk},
		"example : synthesize needs prompts with replies of one kind: this is labeled text, the first is chat":      {data.NewChat("a", "b"), data.NewLabeled("c", "d")},
		"example x: synthesize needs prompts with replies of one kind: this is plain text, the first is plain text": {{ID: "x", Text: "y"}},
	} {
		if _, err := newFrame(examples); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
