package train

import (
	"fmt"
	"os"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testfiles"
	"limbeck/model"
	"limbeck/nn/op"
)

// BenchmarkBF16Curve trains SmolLM2 in f32 and in bf16 on pieces of text, 300 steps of two
// times 512 tokens, and tells how far the losses of a step lie apart at most. Once takes
// half an hour on two cores: -benchtime 1x -timeout 2h.
func BenchmarkBF16Curve(b *testing.B) {
	path := testfiles.Model(b, testfiles.SmolLM2)
	text, err := os.ReadFile(testfiles.Data(b, "tinyshakespeare/input.txt"))
	if err != nil {
		b.Fatal(err)
	}
	pool := par.New(0)
	defer pool.Close()
	losses := func(bf16 bool) []float64 {
		m, err := model.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer m.Close()
		m.SetTrainable(func(*op.Weight) bool { return true })
		o := Defaults()
		o.Steps, o.BatchTokens, o.BF16, o.Checkpoint = 300, 1024, bf16, b.TempDir()
		t, err := New(m, pieces(m.Tokenizer.Encode(string(text), false), 512), HardLabels{}, o, pool, Hooks{
			Progress: func(step, steps int, loss float64, _ int) {
				if step%25 == 0 {
					fmt.Printf("bf16 %v, step %d of %d: loss %.5f\n", bf16, step, steps, loss)
				}
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		r, err := t.Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		return r.Losses
	}
	for b.Loop() {
		f32, bf16 := losses(false), losses(true)
		worst, mean := apart(bf16, f32)
		b.ReportMetric(f32[0], "loss-first")
		b.ReportMetric(f32[len(f32)-1], "loss-last")
		b.ReportMetric(100*worst, "%-apart-worst")
		b.ReportMetric(100*mean, "%-apart-mean")
	}
}

// pieces cuts ids into sequences of n tokens, which predict one more each.
func pieces(ids []int, n int) (set []Sequence) {
	for ; len(ids) > n; ids = ids[n:] {
		set = append(set, Sequence{IDs: ids[:n+1], From: 1})
	}
	return set
}
