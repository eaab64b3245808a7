package train

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"limbeck/internal/machine"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/nn"
)

// smol is the shape that benchmarks train and that plans are tested for.
var smol = testkit.SmolLM2()

// smolStep returns the 135M shape with random weights, all of them trainable,
// and two sequences of 512 tokens.
func smolStep(b *testing.B) (arch.Model, []Sequence) {
	r := rand.New(rand.NewPCG(1, 2))
	m, err := arch.New(smol, testkit.Random{Rand: r})
	if err != nil {
		b.Fatal(err)
	}
	for _, w := range nn.Weights(m) {
		w.SetTrainable()
	}
	var set []Sequence
	for range 2 {
		ids := make([]int, 513)
		for i := range ids {
			ids[i] = r.IntN(smol.Vocab)
		}
		set = append(set, Sequence{ids, 1})
	}
	return m, set
}

// smolTrainer returns a trainer of what smolStep returns.
func smolTrainer(b *testing.B, m arch.Model, set []Sequence, bf16 bool, pool *par.Pool) *Trainer {
	o := Defaults()
	o.BF16, o.Checkpoint = bf16, b.TempDir()
	t, err := New(m, set, HardLabels{}, o, pool, Hooks{})
	if err != nil {
		b.Fatal(err)
	}
	return t
}

// BenchmarkStep trains the 135M shape on two sequences of 512 tokens, and tells
// the peak of this process's memory meanwhile beside what the plan says.
func BenchmarkStep(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // as the steps of recipes run
	m, set := smolStep(b)
	for _, c := range []struct {
		threads int
		bf16    bool
	}{{1, false}, {2, false}, {1, true}, {2, true}} {
		b.Run(fmt.Sprintf("bf16=%v/threads=%d", c.bf16, c.threads), func(b *testing.B) {
			pool := par.New(c.threads)
			defer pool.Close()
			debug.FreeOSMemory()
			machine.ResetPeak()
			t := smolTrainer(b, m, set, c.bf16, pool)
			for b.Loop() {
				if _, _, err := t.step(b.Context(), []int{0, 1}, 100); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(1024*float64(b.N)/b.Elapsed().Seconds(), "tok/s")
			b.ReportMetric(float64(machine.PeakMemory())/1e6, "MB-peak")
			b.ReportMetric(float64(t.planned.Bytes)/1e6, "MB-planned")
		})
	}
}
