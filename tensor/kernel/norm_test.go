package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func randoms(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// gradTolerance bounds the error of a central difference in f32 arguments: a
// step of 2^-7 leaves a third-derivative term and the rounding of the sum over
// the step, both below 2^-11 for these shapes.
const gradTolerance = 0x1p-10

// checkGrad compares grad with central differences of Σ dy·f at x.
func checkGrad(t *testing.T, name string, x, grad []float32, loss func() float64) {
	t.Helper()
	const step = 0x1p-7
	for i := range x {
		was := x[i]
		x[i] = was + step
		up := loss()
		x[i] = was - step
		down := loss()
		x[i] = was
		want := (up - down) / (2 * step)
		if math.Abs(float64(grad[i])-want) > gradTolerance*max(1, math.Abs(want)) {
			t.Errorf("%s: gradient %d is %v, want %v", name, i, grad[i], want)
		}
	}
}

func weighted(dy, y []float32) float64 {
	s := 0.0
	for i, v := range y {
		s += float64(dy[i]) * float64(v)
	}
	return s
}

func TestRMSNormGrad(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for _, n := range []int{1, 7, 8, 33} {
			r := rand.New(rand.NewPCG(11, uint64(n)))
			x, w, dy, y := randoms(r, n), randoms(r, n), randoms(r, n), make([]float32, n)
			dx, dw := make([]float32, n), make([]float32, n)
			const eps = 0.1
			RMSNormGrad(dx, dw, dy, x, w, eps)
			loss := func() float64 {
				RMSNorm(y, x, w, eps)
				return weighted(dy, y)
			}
			checkGrad(t, fmt.Sprintf("dx of %d", n), x, dx, loss)
			checkGrad(t, fmt.Sprintf("dw of %d", n), w, dw, loss)
			before := dx[0]
			RMSNormGrad(dx, nil, dy, x, w, eps)
			if !near(dx[0], 2*before, elementTolerance) {
				t.Error("RMSNormGrad does not add")
			}
		}
	})
}

func TestRMSNormAgainstFloat64(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(12, 1))
		x, w, y := randoms(r, 576), randoms(r, 576), make([]float32, 576)
		RMSNorm(y, x, w, 1e-5)
		ms := 0.0
		for _, v := range x {
			ms += float64(v) * float64(v)
		}
		for i := range y {
			want := float64(x[i]) / math.Sqrt(ms/576+1e-5) * float64(w[i])
			if math.Abs(float64(y[i])-want) > 1e-6*max(1, math.Abs(want)) { // a few ulps
				t.Fatalf("element %d is %v, want %v", i, y[i], want)
			}
		}
	})
}

func TestSwiGLUGrad(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		const n = 21
		r := rand.New(rand.NewPCG(13, n))
		gate, up, dy, y := randoms(r, n), randoms(r, n), randoms(r, n), make([]float32, n)
		dgate, dup := make([]float32, n), make([]float32, n)
		SwiGLUGrad(dgate, dup, dy, gate, up)
		loss := func() float64 {
			SwiGLU(y, gate, up)
			return weighted(dy, y)
		}
		checkGrad(t, "dgate", gate, dgate, loss)
		checkGrad(t, "dup", up, dup, loss)
	})
}

// TestSwiGLUFarOut wants limits, not NaN, where exp overflows.
func TestSwiGLUFarOut(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		gate, up := []float32{-200, 200, -90, 90, 0}, []float32{1, 1, 1, 1, 1}
		y := make([]float32, len(gate))
		SwiGLU(y, gate, up)
		dgate, dup := make([]float32, len(gate)), make([]float32, len(gate))
		SwiGLUGrad(dgate, dup, up, gate, up)
		for i, g := range gate {
			if want := max(g, 0); !near(y[i], want, elementTolerance) || !near(dup[i], want, elementTolerance) {
				t.Errorf("silu(%v) is %v, its gradient for up %v, want %v", g, y[i], dup[i], want)
			}
			if dgate[i] != dgate[i] {
				t.Errorf("gradient at %v is NaN", g)
			}
		}
	})
}
