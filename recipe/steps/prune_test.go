package steps

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/internal/testkit"
	"limbeck/recipe/run"
)

// Examples that are longer than what a model reads calibrate by their beginnings, of
// texts all parts do, and the tokens of all of them are counted.
func TestCalibration(t *testing.T) {
	m := testkit.Model(1)
	words := strings.Repeat("the mat ", 2000)
	const long = 3
	for kind, row := range map[string]string{
		// The ~ stands past what calibrates.
		"chat": `{"prompt": "%d ` + words + `~", "completion": "on"}` + "\n",
		"text": `{"text": "%d ` + words + `~"}` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "train.jsonl")
		var rows strings.Builder
		for i := range long {
			fmt.Fprintf(&rows, row, i)
		}
		if err := os.WriteFile(path, []byte(rows.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		examples, err := data.Load(path, data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		all, _, err := data.Sequences(m, examples, unbounded)
		if err != nil {
			t.Fatal(err)
		}
		samples := long
		if kind == "text" {
			if all, _, err = data.Sequences(m, examples, testkit.Context); err != nil {
				t.Fatal(err)
			}
			samples = len(all)
		}
		tokens := 0
		for _, s := range all {
			tokens += len(s.IDs)
		}
		w := run.NewWork(t.TempDir(), t.TempDir(), map[string]string{"train": path}, nil, io.Discard)
		set, err := calibration(w, m, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(set.sample) != samples {
			t.Errorf("%s: %d samples, want %d", kind, len(set.sample), samples)
		}
		for _, s := range set.sample {
			if len(s.IDs) > testkit.Context {
				t.Errorf("%s: a sample of %d tokens, want at most %d", kind, len(s.IDs), testkit.Context)
			}
		}
		counted := 0
		for _, n := range set.tokens {
			counted += n
		}
		last := m.Tokenizer.Encode("~", false)
		if counted != tokens || len(last) != 1 || set.tokens[last[0]] != long {
			t.Errorf("%s: %d tokens are counted, %v of %v, want %d and %d", kind, counted, set.tokens[last[0]], last, tokens, long)
		}
	}
}

// What the lineage says of the layers that were kept is read back.
func TestKeptLayers(t *testing.T) {
	for _, want := range [][]int{nil, {3}, {0, 2, 11}} {
		if got, err := KeptLayers(fmt.Sprint(want)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: got %v (%v)", want, got, err)
		}
	}
	if got, err := KeptLayers("[0 two]"); err == nil {
		t.Errorf("[0 two]: got %v, want an error", got)
	}
}
