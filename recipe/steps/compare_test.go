package steps_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/eval/report"
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
compare: {baselines: [classical, round-to-nearest, untouched], runs: 0, examples: 3, resamples: 200, recorded: old.json}
repeat: 2
`

func TestCompare(t *testing.T) {
	path := workshop(t, comparing)
	write(t, filepath.Join(filepath.Dir(path), "old.json"), `{"name": "before", "quality": [{"name": "exact_match", "value": 0.5}]}`)
	if err := makeRecipe(path, 1); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(path), "run")
	f, err := os.Open(filepath.Join(dir, steps.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := report.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
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
