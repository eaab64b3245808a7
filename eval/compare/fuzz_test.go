package compare

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"limbeck/data"
	"limbeck/eval/report"
	"limbeck/internal/par"
	"limbeck/measure"
)

// resumed returns a comparison of two models, the first of which has answered, in
// a folder of checkpoints.
func resumed(tb testing.TB, examples []data.Example, pool *par.Pool) *comparison {
	tb.Helper()
	o := Options{Bootstrap: measure.Bootstrap{Resamples: 100}, Checkpoints: tb.TempDir(), Examples: 2,
		Prices: Prices{Input: 1, Output: 2}, Metrics: []string{"exact_match", perplexity}}
	c := &comparison{Options: o.withDefaults(), examples: examples, pool: pool}
	if err := c.chooseMetrics(); err != nil {
		tb.Fatal(err)
	}
	for i, role := range []report.Role{report.Teacher, report.Student} {
		c.rows = append(c.rows, &row{Contestant: Contestant{Name: string(rune('a' + i)), Role: role}, outcome: answered(len(examples))})
	}
	return c
}

func answered(n int) outcome {
	o := outcome{Most: 128}
	for range n {
		o.Replies = append(o.Replies, reply{`{"intent": "play"}`, 0.5, 7, 3, false})
		o.Losses = append(o.Losses, 1.5, 3)
	}
	return o
}

// Answers of other examples, or the half of a file, are none: the model is asked
// again, and what was read of them is not among its answers.
func TestRecallIsWholeOrNothing(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	c := resumed(t, commands(3), pool)
	for name, change := range map[string]func(o *outcome) []byte{
		"too few":         func(o *outcome) []byte { o.Replies = o.Replies[1:]; return encoded(t, o) },
		"no bound":        func(o *outcome) []byte { o.Most = 0; return encoded(t, o) },
		"no losses":       func(o *outcome) []byte { o.Losses = nil; return encoded(t, o) },
		"odd losses":      func(o *outcome) []byte { o.Losses = o.Losses[1:]; return encoded(t, o) },
		"no probability":  func(o *outcome) []byte { o.Replies[0].Confidence = 2; return encoded(t, o) },
		"cut":             func(o *outcome) []byte { b := encoded(t, o); return b[:len(b)-2] },
		"of another type": func(o *outcome) []byte { return []byte(`{"replies": [{"text": "x"}, 7]}`) },
	} {
		o := answered(3)
		if err := os.WriteFile(filepath.Join(c.Checkpoints, "x.json"), change(&o), 0o666); err != nil {
			t.Fatal(err)
		}
		r := &row{}
		if c.recallOutcome("x.json", r) || r.Replies != nil || r.Losses != nil {
			t.Errorf("%s: taken, or left behind: %+v", name, r.outcome)
		}
	}
	o := answered(3)
	if err := c.keep("x.json", &o); err != nil {
		t.Fatal(err)
	}
	if r := (&row{}); !c.recallOutcome("x.json", r) || len(r.Replies) != 3 {
		t.Error("what was kept is not recalled")
	}
}

func encoded(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// FuzzRecall goes on from answers in a file, up to the report.
func FuzzRecall(f *testing.F) {
	examples := commands(3)
	pool := par.New(1)
	f.Cleanup(pool.Close)
	f.Add(encoded(f, answered(3)))
	f.Add(encoded(f, answered(2)))
	f.Add([]byte(`{"model": {"name": "x", "bytes": -1}, "most": 9, "replies": [{}, {}, {"text": "{}"}], "losses": [1e308, 0, 1e308, 1, -1e308, 1e300]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := resumed(t, examples, pool)
		if err := os.WriteFile(filepath.Join(c.Checkpoints, "x.json"), text, 0o666); err != nil {
			t.Fatal(err)
		}
		if !c.recallOutcome("x.json", c.rows[1]) {
			return
		}
		c.rows[1].Model.Name, c.rows[1].Model.Role = "b", report.Student
		if err := c.score(); err != nil {
			t.Fatal(err)
		}
		c.price(c.rows[0])
		r, err := c.report(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, write := range []func(io.Writer) error{r.WriteHTML, r.WriteJSON} {
			if err := write(io.Discard); err != nil {
				t.Error(err)
			}
		}
	})
}
