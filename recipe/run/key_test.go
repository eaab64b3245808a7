package run

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"testing"
)

// Inputs from steps of their own are the same just where the steps' keys are.
func TestSameInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "train.txt")
	if err := writeFile(file, []byte("text")); err != nil {
		t.Fatal(err)
	}
	chain := func(change func(data, train *Step)) *Step {
		data := dataStep(file)
		train := trainStep("train", trainSettings{1, 2, 3}, data)
		change(data, train)
		return train
	}
	key := func(s *Step) string {
		p, err := Open(t.TempDir(), "m").Plan(t.Context(), []*Step{s.Inputs[0].Of, s})
		if err != nil {
			t.Fatal(err)
		}
		return p.Steps[1].Key
	}
	a := chain(func(_, _ *Step) {})
	for name, change := range map[string]func(data, train *Step){
		"nothing":          func(_, _ *Step) {},
		"a name":           func(_, train *Step) { train.Name = "other" },
		"a setting":        func(_, train *Step) { train.Settings = trainSettings{1, 2, 4} },
		"a version below":  func(data, _ *Step) { data.Version++ },
		"a kind":           func(_, train *Step) { train.Kind = "other" },
		"a kind below":     func(data, _ *Step) { data.Kind = "other" },
		"portable":         func(_, train *Step) { train.Portable = true },
		"portable below":   func(data, _ *Step) { data.Portable = false },
		"an input's name":  func(_, train *Step) { train.Inputs[0].Name = "other" },
		"an input's part":  func(_, train *Step) { train.Inputs[0].Path = "sub" },
		"a digest below":   func(data, _ *Step) { data.Inputs[0] = Input{Name: "train", Digest: "ab"} },
		"what is said":     func(data, _ *Step) { data.Inputs[0].License = "MIT" },
		"one input fewer":  func(data, _ *Step) { data.Inputs = nil },
		"the same, by map": func(_, train *Step) { train.Settings = map[string]any{"steps": 2, "seed": 1, "lr": 3} },
	} {
		b := chain(change)
		got, want := (Input{Name: "x", Of: a, Path: "p"}).Same(Input{Name: "y", Of: b, Path: "p"}), key(a) == key(b)
		if got != want {
			t.Errorf("%s changed: the same is %t, want %t", name, got, want)
		}
	}
	for _, c := range []struct {
		a, b Input
		want bool
	}{
		{Input{Name: "x", Path: file}, Input{Path: file, Shown: "y"}, true},
		{Input{Path: file}, Input{Path: file + "2"}, false},
		{Input{Digest: "ab"}, Input{Digest: "cd"}, false},
		{Input{Of: a, Path: "p"}, Input{Of: a, Path: "q"}, false},
		{Input{Of: a, Path: "p"}, Input{Path: "p"}, false},
	} {
		if got := c.a.Same(c.b); got != c.want {
			t.Errorf("%+v and %+v: the same is %t, want %t", c.a, c.b, got, c.want)
		}
	}
}

// What changed is spelled as recipes spell it, whatever a step calls its settings.
func TestSettingsDiff(t *testing.T) {
	old, now := json.RawMessage(`{"Train": {"lr": [1]}, "MinConfidence": 0.5, "Same": 1}`), json.RawMessage(`{"Train": {"lr": [2]}, "Same": 1}`)
	want := []string{"min_confidence 0.5 → none", "train.lr [1] → [2]"}
	if got := settingsDiff(old, now); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A plan is left between two steps.
func TestPlanIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(t.TempDir(), "m").Plan(ctx, []*Step{{Kind: "x", Name: "x"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
