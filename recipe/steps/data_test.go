package steps_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
)

// dataStep compiles a recipe and returns its data step.
func dataStep(t *testing.T, path string) *run.Step {
	t.Helper()
	r, err := recipe.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	made, err := recipe.Compile(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range made {
		if s.Kind == "data" {
			return s
		}
	}
	t.Fatal("the recipe has no data step")
	return nil
}

// inputsOf returns the paths of a step's inputs by their names.
func inputsOf(s *run.Step) map[string]string {
	inputs := map[string]string{}
	for _, in := range s.Inputs {
		inputs[in.Name] = in.Path
	}
	return inputs
}

// All columns of an example can be named.
func TestNamedColumns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	write(t, path, `{"no": 7, "utterance": "lamp on", "asks": "on", "entities": [{"name": "what", "value": "lamp"}], "text": "x", "id": 1}`+"\n")
	all, _, err := steps.LoadExamples(path, "auto", recipe.Columns{Text: "utterance", Intent: "asks", Slots: "entities", ID: "no"})
	want := data.NewStructured("lamp on", "on", []data.Slot{{Name: "what", Value: "lamp"}})
	want.ID, want.Line = "7", 1
	if err != nil || !reflect.DeepEqual(all, []data.Example{want}) {
		t.Errorf("got %+v, %v; want %+v", all, err, want)
	}
}

// Which rows of a file are read is part of what the examples depend on.
func TestPartsChangeTheStep(t *testing.T) {
	const text = "name: a\nteacher: ./teacher.gguf\nquantize: q8_0\ndata: 'train.jsonl#"
	train, validation := dataStep(t, workshop(t, text+"train'\n")), dataStep(t, workshop(t, text+"validation'\n"))
	if reflect.DeepEqual(train.Settings, validation.Settings) {
		t.Error("#train and #validation of one file give equal settings")
	}
	if got := train.Inputs[0].Shown; got != "train.jsonl#train" && got != "train.jsonl" {
		t.Errorf("the lineage shows %s", got)
	}
}

// Test rows that stand in the training data, or are held out of it to choose
// the best model by, are warned of. The format is not told by the ending.
func TestOverlapAndFormat(t *testing.T) {
	path := workshop(t, "name: a\nteacher: ./teacher.gguf\nquantize: q8_0\n"+
		"data: {train: rows.data, test: test.data, format: tsv, validation: 50%}\n")
	dir := filepath.Dir(path)
	rows := "text\tlabel\n"
	for _, word := range strings.Fields("one two three four five six seven eight nine ten") {
		rows += word + "\tnumber\n"
	}
	write(t, filepath.Join(dir, "rows.data"), rows)
	write(t, filepath.Join(dir, "test.data"), rows)
	s := dataStep(t, path)
	inputs := inputsOf(s)
	out := t.TempDir()
	w := run.NewWork(out, t.TempDir(), inputs, nil, io.Discard)
	var warning string
	w.Warned = func(text string) { warning = text }
	if err := s.Run(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(warning, "data.test: 10 of 10 examples") {
		t.Errorf("warning %q, want all 10", warning)
	}
}

// Rows that a file assigns to another part are not learned, whatever file validates.
func TestAssignedRows(t *testing.T) {
	for ref, want := range map[string]int{"rows.json": 1, "'rows.json#val'": 2} {
		path := workshop(t, "name: a\nteacher: ./teacher.gguf\nquantize: q8_0\ndata: {train: "+ref+", validation: ./train.jsonl}\n")
		write(t, filepath.Join(filepath.Dir(path), "rows.json"), `{"train": [["a", "x"]], "val": [["b", "x"], ["c", "x"]], "test": [["d", "x"]]}`)
		s := dataStep(t, path)
		inputs := inputsOf(s)
		out := t.TempDir()
		if err := s.Run(t.Context(), run.NewWork(out, t.TempDir(), inputs, nil, io.Discard)); err != nil {
			t.Fatal(err)
		}
		learned, err := data.Load(filepath.Join(out, "train.jsonl"), data.Options{})
		if err != nil || len(learned) != want {
			t.Errorf("%s: %d examples to learn, want %d; error %v", ref, len(learned), want, err)
		}
	}
}

// Several labels of one text are told of once, though no comparison follows.
func TestConflictsAreTold(t *testing.T) {
	for _, until := range []string{"data", ""} {
		path := workshop(t, "name: a\nteacher: ./teacher.gguf\nquantize: q8_0\ndata: {train: twice.jsonl, validation: 20%}\ncompare: {rounds: 0, resamples: 100, baselines: []}\n")
		rows := ""
		for i := range 18 {
			rows += fmt.Sprintf(`{"text": "lamp %d", "label": "%s"}`+"\n", i%9, []string{"on", "off"}[i/9])
		}
		write(t, filepath.Join(filepath.Dir(path), "twice.jsonl"), rows)
		var told []string
		if err := makeWith(path, run.Options{Threads: 1, Until: until, Warned: func(text string) { told = append(told, text) }}); err != nil {
			t.Fatal(err)
		}
		if len(told) != 1 || !strings.HasPrefix(told[0], "data.train: several labels for 9 texts, as in twice.jsonl:") {
			t.Errorf("until %q: told %q, want once of several labels", until, told)
		}
	}
}

// A file of examples to choose the best model by is not to be what is learned, though
// no comparison follows.
func TestOverlapOfValidation(t *testing.T) {
	path := workshop(t, "name: a\nteacher: ./teacher.gguf\nquantize: q8_0\ndata: {train: train.jsonl, validation: ./train.jsonl}\n")
	var told []string
	if err := makeWith(path, run.Options{Until: "data", Warned: func(text string) { told = append(told, text) }}); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !strings.HasPrefix(told[0], "data.validation: 60 of 60 examples occur in the training data") {
		t.Errorf("warnings %q, want one of data.validation", told)
	}
}

// Further examples are made of commands with a system message before them too, each of
// which then has it; a step that made none of them is made anew.
func TestAugmentWithSystem(t *testing.T) {
	const text = "name: a\nteacher: ./teacher.gguf\nquantize: q8_0\ndata: {train: train.jsonl, system: be brief, augment: {exchange_slots: 1}}\n"
	s := dataStep(t, workshop(t, text))
	out := t.TempDir()
	if err := s.Run(t.Context(), run.NewWork(out, t.TempDir(), inputsOf(s), nil, io.Discard)); err != nil {
		t.Fatal(err)
	}
	examples, err := data.Load(filepath.Join(out, "train.jsonl"), data.Options{Written: true})
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for i := range examples {
		if data.Made(&examples[i]) {
			made++
		}
	}
	if system, several := data.SystemOf(examples); made == 0 || system != "be brief" || several {
		t.Errorf("%d examples made; all have the system message %q: %t", made, system, !several)
	}
	settings := func(extra string) string {
		text := "name: a\nteacher: ./teacher.gguf\nquantize: q8_0\ndata: {train: train.jsonl" + extra + "}\n"
		return fmt.Sprintf("%+v", dataStep(t, workshop(t, text)).Settings)
	}
	const before = "Beside:labels and slots}"
	if got := settings(", system: be brief"); !strings.HasSuffix(got, before) {
		t.Errorf("without augment the settings are %s, want …%s", got, before)
	}
	if got := settings(", system: be brief, augment: {exchange_slots: 1}"); strings.HasSuffix(got, before) {
		t.Errorf("with augment the settings are %s as before", got)
	}
}

// A system prompt is told of where nothing takes it: by texts, and by examples with one of
// their own, which stay as they are.
func TestSystemOfOthers(t *testing.T) {
	const chat = `{"messages": [{"role": "user", "content": "hello %[1]d"}, {"role": "assistant", "content": "hi"}]}` + "\n" +
		`{"messages": [{"role": "system", "content": "%[2]s"}, {"role": "user", "content": "bye %[1]d"}, {"role": "assistant", "content": "bye"}]}` + "\n"
	var own, same strings.Builder
	for i := range 20 {
		fmt.Fprintf(&own, chat, i, "be kind")
		fmt.Fprintf(&same, chat, i, "be brief")
	}
	for file, want := range map[string]struct {
		told string
		kept int
	}{
		"book.txt":    {"data.system: changes nothing: the examples are plain text, which a message cannot stand before", 0},
		"own.jsonl":   {"data.system: changes nothing of 20 of 40 examples: they begin with a system message of their own", 20},
		"same.jsonl":  {"", 0},
		"train.jsonl": {"", 0},
	} {
		path := workshop(t, "name: a\nteacher: ./teacher.gguf\nquantize: q8_0\ndata: {train: "+file+", system: be brief}\n")
		write(t, filepath.Join(filepath.Dir(path), "book.txt"), strings.Repeat("the cat sat on the mat. ", 99))
		write(t, filepath.Join(filepath.Dir(path), "own.jsonl"), own.String())
		write(t, filepath.Join(filepath.Dir(path), "same.jsonl"), same.String())
		s := dataStep(t, path)
		var told []string
		w := run.NewWork(t.TempDir(), t.TempDir(), inputsOf(s), nil, io.Discard)
		w.Warned = func(text string) { told = append(told, text) }
		if err := s.Run(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(told, "\n"); got != want.told {
			t.Errorf("%s: warned %q, want %q", file, got, want.told)
		}
		kept := 0
		for _, part := range []string{"train.jsonl", "validation.jsonl"} {
			written, err := os.ReadFile(filepath.Join(w.Dir, part))
			if err != nil {
				t.Fatal(err)
			}
			kept += strings.Count(string(written), "be kind")
		}
		if kept != want.kept {
			t.Errorf("%s: %d examples keep a system message of their own, want %d", file, kept, want.kept)
		}
	}
}
