package steps_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/eval/report"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
)

const comparing = `name: tiny
teacher:
  - {from: ./teacher.gguf}
  - {train: {steps: 6, batch_tokens: 256, max_tokens: 128, eval_every: 3}}
data: {train: train.jsonl, validation: 20%}
student: {layers: 2, ffn: 50%}
train: {steps: 4, batch_tokens: 256, max_tokens: 128, eval_every: 2}
quantize: {format: q4_0, imatrix: true}
compare: {baselines: [classical, round-to-nearest, untouched], rounds: 0, examples: 3, resamples: 200, recorded: old.json}
repeat: 2
`

func TestCompare(t *testing.T) {
	path := workshop(t, comparing)
	write(t, filepath.Join(filepath.Dir(path), "old.json"), `{"name": "before", "quality": [{"name": "exact_match", "value": 0.5}]}`)
	if err := makeRecipe(path, 1); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(path), "run")
	r := reported(t, path)
	var names []string
	for _, m := range r.Models {
		names = append(names, m.Name+":"+string(m.Role))
	}
	got := strings.Join(names, " ")
	// The teacher does not depend on the student's seed: it stands there once.
	want := "before:recorded teacher:teacher s1:student s2:student classical:baseline" +
		" round-to-nearest-s1:baseline round-to-nearest-s2:baseline"
	if !strings.HasPrefix(got, want) {
		t.Errorf("models %s\nwant   %s", got, want)
	}
	if len(r.Curves) != 3 || len(r.Curves[0].Points) == 0 {
		t.Errorf("%d curves, want the teacher's and the students'", len(r.Curves))
	}
	if len(r.Tables) != 1 || r.Tables[0].Title != "Over seeds" {
		t.Errorf("tables %+v", r.Tables)
	}
	if r.Data.Split != "validation" || len(r.Notes) == 0 || !strings.Contains(r.Notes[0].Text, "no test data") {
		t.Errorf("notes %+v: want one that says that these are not test data", r.Notes)
	}
	if r.Data.Path != "train.jsonl" || r.Data.File[:19] != "sha256:"+sha(t, filepath.Join(filepath.Dir(path), "train.jsonl")) {
		t.Errorf("data %+v: want the user's file and its digest", r.Data)
	}
	if page, err := os.ReadFile(filepath.Join(dir, steps.PageFile)); err != nil || !strings.Contains(string(page), "classical") {
		t.Errorf("the page: %v", err)
	}
}

// A log whose replies are labels is a classification, however few rows there are
// to judge: accuracy leads, and a classical model learned the labels. What it
// learned and is judged by is told of, in the report too.
func TestCompareLog(t *testing.T) {
	path := workshop(t, "name: tiny\nteacher: ./teacher.gguf\ndata: {train: log.jsonl, test: test.jsonl}\ntask: exact_match\n"+
		"student: {layers: 1}\ncompare: {rounds: 0, resamples: 100}\n")
	labels := []string{"Where is it?", "Give it back.", "Something else."}
	var rows [2]strings.Builder
	for i := range 33 {
		fmt.Fprintf(&rows[i/30], `{"messages": [{"role": "user", "content": "mail %d on %s"}, {"role": "assistant", "content": %q}]}`+"\n",
			i, []string{"parcels", "money", "weather"}[i%3], labels[i%3])
	}
	write(t, filepath.Join(filepath.Dir(path), "log.jsonl"), rows[0].String())
	// With what is held out.
	write(t, filepath.Join(filepath.Dir(path), "test.jsonl"), rows[1].String()+rows[0].String())
	told := 0
	warned := func(text string) {
		if strings.HasPrefix(text, "data.test: 30 of 33 examples occur in the training data") {
			told++
		}
	}
	if err := makeWith(path, run.Options{Threads: 1, Warned: warned}); err != nil {
		t.Fatal(err)
	}
	if told != 1 {
		t.Errorf("test examples that were learned are told of %d times, want once", told)
	}
	r := reported(t, path)
	if len(r.Notes) == 0 || !strings.HasPrefix(r.Notes[0].Text, "30 of 33 examples occur in the training data: figures on them prove nothing") {
		t.Errorf("notes %+v: want one of the examples that were learned", r.Notes)
	}
	if len(r.Metrics) != 1 || r.Metrics[0].Name != "accuracy" {
		t.Errorf("metrics %+v, want accuracy", r.Metrics)
	}
	last := r.Models[len(r.Models)-1]
	if last.Name != "classical" || last.Quality[0].Value.Or(0) != 1 {
		t.Errorf("last model %s: %+v, want the classical one, all right", last.Name, last.Quality)
	}
}

// A model that the program carries is compared as it is, as the student that no step
// changes, and rounded by baselines, whose steps are forecast too.
func TestCompareBuiltin(t *testing.T) {
	path := workshop(t, "name: a\nteacher: builtin:home-assistant\ndata: {train: train.jsonl, test: test.jsonl}\n"+
		"compare: {baselines: [round-to-nearest, untouched], rounds: 0, resamples: 100}\n"+
		"variants: {same: {}, small: {quantize: {format: q4_0, calibration: 2}}}\n")
	write(t, filepath.Join(filepath.Dir(path), "test.jsonl"), `{"text": "the radio", "intent": "radio_on", "slots": []}`+"\n")
	p, err := plan(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Steps {
		if s.Kind != "data" && (s.Cost.Seconds <= 0 || s.Cost.Memory == 0) {
			t.Errorf("step %s takes %g s and %d bytes of memory, want a forecast", s.Name, s.Cost.Seconds, s.Cost.Memory)
		}
	}
	if err := makeRecipe(path, 1); err != nil {
		t.Fatal(err)
	}
}

// A variant cannot be called as another row of the comparison.
func TestCompareNames(t *testing.T) {
	for name, ok := range map[string]bool{"classical": false, "teacher": false, "student": true} {
		path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: train.jsonl\nvariants: {"+name+": {}}\n")
		_, _, _, err := compiled(path)
		want := fmt.Sprintf("%s:4:12: variants.%s: another model of the comparison is called %[2]s (allowed: another name)", path, name)
		if ok != (err == nil) || err != nil && err.Error() != want {
			t.Errorf("%s: error %v, want %s", name, err, want)
		}
	}
}

// reported reads the report of a recipe that was made.
func reported(t *testing.T, path string) *report.Report {
	t.Helper()
	f, err := os.Open(filepath.Join(filepath.Dir(path), "run", steps.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := report.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The curve of the teacher's training is none of a student's that no step trains.
func TestCompareUntrained(t *testing.T) {
	path := workshop(t, "name: a\nteacher: {from: ./teacher.gguf, train: {steps: 2, batch_tokens: 256, max_tokens: 128}}\ndata: train.jsonl\n"+
		"student: {layers: 1}\ncompare: {rounds: 0, resamples: 100, limit: 1, baselines: []}\n")
	if err := makeRecipe(path, 1); err != nil {
		t.Fatal(err)
	}
	if got := reported(t, path).Curves; len(got) != 1 || got[0].Name != "teacher" {
		t.Errorf("curves %+v, want the teacher's alone", got)
	}
}

// A variant with training data of its own is told of by its name, if the examples are
// among them: in the report, as before any work, and only there.
func TestCompareData(t *testing.T) {
	path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, validation: 0%, test: new.jsonl}\nstudent: {layers: 1}\n"+
		"compare: {rounds: 0, resamples: 100, baselines: []}\nvariants: {clean: {}, dirty: {data: {train: more.jsonl}}}\n")
	for _, name := range []string{"new.jsonl", "more.jsonl"} {
		write(t, filepath.Join(filepath.Dir(path), name), `{"text": "a new radio", "intent": "radio_on", "slots": []}`+"\n")
	}
	var told []string
	if err := makeWith(path, run.Options{Threads: 1, Warned: func(text string) { told = append(told, text) }}); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !strings.HasSuffix(told[0], "(dirty)") {
		t.Errorf("warnings %q, want one of dirty", told)
	}
	r := reported(t, path)
	want := "1 of 1 examples occur in the training data of dirty: "
	if n := r.Notes; len(n) == 0 || !strings.HasPrefix(n[0].Text, want) || len(n) > 1 && n[1].Title == "Data" {
		t.Errorf("notes %+v, want of the data: %s", n, want)
	}
}

// Labels are labels with a system message before them too, to the comparison as to
// the look before all work: 120 of them in 240 rows are few enough only as such.
func TestCompareLabelsWithSystem(t *testing.T) {
	path := workshop(t, "name: tiny\nteacher: ./teacher.gguf\ndata: {train: labels.jsonl, system: be brief}\nstudent: {layers: 1}\n"+
		"compare: {metrics: accuracy, rounds: 0, resamples: 100, limit: 3, baselines: []}\n")
	var rows strings.Builder
	for i := range 240 {
		fmt.Fprintf(&rows, `{"text": "mail number %d", "label": "label %d"}`+"\n", i, i%120)
	}
	write(t, filepath.Join(filepath.Dir(path), "labels.jsonl"), rows.String())
	if err := makeRecipe(path, 1); err != nil {
		t.Fatal(err)
	}
}
