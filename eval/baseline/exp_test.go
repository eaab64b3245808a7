package baseline

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestExps(t *testing.T) {
	const tol = 2e-15 // relative
	rng := rand.New(rand.NewPCG(1, 1))
	x := []float64{0, math.Copysign(0, -1), 1, -1, 1e-300, math.Ln2, -math.Ln2 / 512, expMost, -expMost}
	for range 100_000 {
		x = append(x, expMost*(2*rng.Float64()-1), 2*rng.Float64()-1)
	}
	for _, shift := range []float64{0, 0.25} {
		got := slices.Clone(x)
		exps(got, shift)
		for i, v := range x {
			want := math.Exp(max(-expMost, v-shift))
			if !(math.Abs(got[i]/want-1) <= tol) {
				t.Fatalf("exp(%v − %v): %v, want %v", v, shift, got[i], want)
			}
		}
	}
	far := []float64{-1e300, math.Inf(-1), 1e300, math.Inf(1), math.NaN()}
	exps(far, 0)
	low, high := math.Exp(-expMost), math.Exp(expMost)
	for i, want := range []float64{low, low, high, high} {
		if !(math.Abs(far[i]/want-1) <= tol) {
			t.Errorf("beyond what is told apart, %v, want %v", far[i], want)
		}
	}
	if !math.IsNaN(far[4]) {
		t.Errorf("of NaN, %v", far[4])
	}
}

// BenchmarkExps compares exps with math.Exp.
func BenchmarkExps(b *testing.B) {
	from, x := make([]float64, 1024), make([]float64, 1024)
	for i := range from {
		from[i] = -float64(i) / 64
	}
	b.Run("exps", func(b *testing.B) {
		for b.Loop() {
			copy(x, from)
			exps(x, 0)
		}
	})
	b.Run("math.Exp", func(b *testing.B) {
		for b.Loop() {
			for i, v := range from {
				x[i] = math.Exp(v)
			}
		}
	})
}
