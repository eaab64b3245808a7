package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRoPE(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for n := range 40 { // pairs
			r := rand.New(rand.NewPCG(21, uint64(n)))
			cos, sin := make([]float32, n), make([]float32, n)
			for i := range cos {
				s, c := math.Sincos(r.Float64() * 7)
				cos[i], sin[i] = float32(c), float32(s)
			}
			x, all := fenced(2 * n)
			copy(x, randoms(r, 2*n))
			start := slices.Clone(x)
			checkRotation(t, start, x, cos, sin)
			if !fencesStand(all) {
				t.Fatalf("%d pairs: wrote beyond the ends", n)
			}
		}
	})
}

// Heads that are rotated and scaled elsewhere have the bits of those rotated in place and
// then scaled.
func TestRoPEScaled(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(22, 0))
		for n := 1; n < 40; n++ {
			const heads, scale = 3, 0.1767767
			x, cos, sin := randoms(r, 2*n*heads), randoms(r, n), randoms(r, n)
			want := slices.Clone(x)
			for h := range heads {
				RoPE(want[2*n*h:2*n*(h+1)], cos, sin)
			}
			Scale(want, scale, want)
			dst, all := fenced(len(x))
			if RoPEScaled(dst, x, cos, sin, scale); !slices.Equal(dst, want) || !fencesStand(all) {
				t.Fatalf("%d pairs: %v, want %v", n, dst, want)
			}
			if RoPEScaled(x, x, cos, sin, scale); !slices.Equal(x, want) {
				t.Fatalf("%d pairs, in place: %v, want %v", n, x, want)
			}
		}
	})
}

// checkRotation checks that RoPE rotates the pairs and that RoPEGrad undoes it, as
// the transpose of a rotation does.
func checkRotation(t *testing.T, start, x, cos, sin []float32) {
	t.Helper()
	copy(x, start)
	RoPE(x, cos, sin)
	for i := range cos {
		p, q := 2*i, 2*i+1
		a, b, c, s := float64(start[p]), float64(start[q]), float64(cos[i]), float64(sin[i])
		if !near(x[p], float32(a*c-b*s), elementTolerance) || !near(x[q], float32(b*c+a*s), elementTolerance) {
			t.Fatalf("%d pairs: pair %d is %v, %v, want %v, %v", len(cos), i, x[p], x[q], a*c-b*s, b*c+a*s)
		}
	}
	RoPEGrad(x, cos, sin)
	for i := range x {
		if !near(x[i], start[i], elementTolerance) {
			t.Fatalf("%d pairs: element %d rotated back is %v, want %v", len(cos), i, x[i], start[i])
		}
	}
}
