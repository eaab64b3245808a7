package bench

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"limbeck/data"
	"limbeck/internal/testkit"
	"limbeck/model"
)

func TestMain(m *testing.M) {
	Child(model.Open)
	os.Exit(m.Run())
}

func prompts(texts ...string) (out [][]data.Message) {
	for _, t := range texts {
		out = append(out, []data.Message{{Role: "user", Content: t}})
	}
	return out
}

func TestRounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := testkit.Model(1).Save(path); err != nil {
		t.Fatal(err)
	}
	var order []string
	local := func(name string) Job {
		return Job{Name: name, Prompts: prompts("a", "b"), Local: func(s string) string { order = append(order, name+s); return s }}
	}
	child := Job{Name: "tiny", Model: path, Prompts: prompts("hello", "good day"), Threads: 1, Most: 8}
	records, err := Rounds(context.Background(), []Job{local("x"), child, local("y")}, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "xa xb ya yb ya yb xa xb" {
		t.Errorf("order %s: rounds do not alternate", got)
	}
	for round, r := range records[1] {
		if len(r.Requests) != 2 || r.Load <= 0 {
			t.Fatalf("round %d: %+v", round, r)
		}
		for i, q := range r.Requests {
			if q.Seconds <= 0 || q.First <= 0 || q.First > q.Seconds || q.Read < 1 || q.Written < 1 || q.Written > 8 {
				t.Errorf("round %d, request %d: %+v", round, i, q)
			}
		}
		if r.Requests[0].Written != records[1][0].Requests[0].Written {
			t.Error("greedy replies differ between rounds")
		}
	}
}

func TestChildFails(t *testing.T) {
	job := Job{Name: "none", Model: filepath.Join(t.TempDir(), "none.gguf"), Prompts: prompts("a")}
	_, err := Rounds(context.Background(), []Job{job}, 1, nil)
	if err == nil || !strings.Contains(err.Error(), "none, round 1") || !strings.Contains(err.Error(), "none.gguf") {
		t.Errorf("error %v: want it to name the model", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Rounds(ctx, []Job{job}, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if _, err := job.measure(context.Background(), model.Open); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestRates(t *testing.T) {
	r := Record{Requests: []Request{{Seconds: 3, First: 1, Read: 10, Written: 5}, {Seconds: 2, First: 1, Read: 6, Written: 1}, {Seconds: 5, First: 3}}}
	if p, d, q := r.PromptRate(), r.DecodeRate(), r.RequestRate(); p != 16.0/5 || d != 4.0/5 || q != 3.0/10 {
		t.Errorf("prompt %v, decode %v, requests %v", p, d, q)
	}
	if f := r.FirstToken(); f != 1 {
		t.Errorf("first token after %v", f)
	}
	if (&Record{}).RequestRate() != 0 || Median(nil) != 0 || Median([]float64{4, 1, 3, 2}) != 2.5 {
		t.Error("rates of nothing, or the median, are wrong")
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"load_seconds":1,"requests":[{"seconds":1}]}`))
	f.Add([]byte(`{"requests":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := parseRecord(text, 1, 0); err == nil && len(r.Requests) != 1 {
			t.Error("a record of another job was taken")
		}
	})
}

func TestSlowChildIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := testkit.Model(1).Save(path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	job := Job{Name: "long", Model: path, Threads: 1, Most: 100}
	for range 100_000 {
		job.Prompts = append(job.Prompts, prompts("hello")...)
	}
	if _, err := Rounds(ctx, []Job{job}, 1, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// Answers that take little time are given again and again, each pass as the first: what
// an earlier pass read spares none.
func TestPassesAreAlike(t *testing.T) {
	calls := 0
	got, err := timed(2, func(i int) (Request, error) {
		calls++
		time.Sleep(time.Millisecond)
		return Request{Seconds: float64(1 + i), First: 0.5, Read: 3 + i, Written: 4}, nil
	})
	want := []Request{{1, 0.5, 3, 4}, {2, 0.5, 4, 4}}
	if err != nil || !slices.Equal(got, want) || calls < 4 || calls%2 != 0 {
		t.Errorf("after %d calls: %+v, %v, want %+v", calls, got, err, want)
	}
	if got, err := timed(0, nil); err != nil || len(got) != 0 {
		t.Errorf("of no prompts: %v, %v", got, err)
	}
}
