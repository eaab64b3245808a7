package kernel

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

const poison = float32(-12345.5)

// guarded returns n floats with poison behind them, up to the capacity.
func guarded(n int) []float32 {
	v := make([]float32, n+32)
	for i := range v {
		v[i] = poison
	}
	return v[:n]
}

func checkGuard(t *testing.T, v []float32) {
	t.Helper()
	for i, g := range v[len(v):cap(v)] {
		if i < 32 && g != poison {
			t.Fatalf("guard word %d behind the slice was overwritten with %g", i, g)
		}
	}
}

// equalFloats wants equal bits; any NaN equals any other, and 0 equals −0.
func equalFloats(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if got[i] != w && (got[i] == got[i] || w == w) {
			t.Fatalf("%s: element %d is %g, want %g", name, i, got[i], w)
		}
	}
}

func randomFloat(r *rand.Rand) float32 {
	return float32(math.Ldexp(r.NormFloat64(), r.IntN(30)-15))
}

// bigFMA is a·b + c, computed exactly and rounded once.
func bigFMA(a, b, c float32) float32 {
	f := func(v float32) *big.Float { return new(big.Float).SetPrec(500).SetFloat64(float64(v)) }
	v, _ := new(big.Float).SetPrec(500).Add(new(big.Float).SetPrec(500).Mul(f(a), f(b)), f(c)).Float32()
	return v
}

func TestQuantizeRow(t *testing.T) { eachTier(t, testQuantizeRow) }

func testQuantizeRow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, scale := range []float64{1e-28, 1e-20, 1, 1e20, 1e38} {
		x := make([]float32, 8*BlockLen)
		for i := range x {
			x[i] = float32(scale * (2*r.Float64() - 1))
		}
		q := make([]Q8Block, 8)
		QuantizeRow(q, x)
		for b, block := range q {
			var amax, sum float64
			for _, v := range x[b*BlockLen : (b+1)*BlockLen] {
				amax = max(amax, math.Abs(float64(v)))
			}
			if block.D != float32(amax)/127 {
				t.Errorf("scale %g: D = %g, want %g", scale, block.D, float32(amax)/127)
			}
			for i, v := range block.Q {
				sum += float64(v)
				exact := float64(x[b*BlockLen+i]) / amax * 127
				// Half a step, and the rounding of two f32 operations on ≤ 127.
				if math.Abs(float64(v)-exact) > 0.5+127*2*0x1p-24 {
					t.Errorf("scale %g: element %d: %d for %g", scale, i, v, exact)
				}
			}
			if float64(block.Sum) != sum {
				t.Errorf("scale %g: Sum = %d, want %g", scale, block.Sum, sum)
			}
			if want := block.D * float32(sum); block.DSum != want {
				t.Errorf("scale %g: DSum = %g, want %g", scale, block.DSum, want)
			}
		}
	}
}

func TestQuantizeRowTiesToEven(t *testing.T) { eachTier(t, testQuantizeRowTiesToEven) }

func testQuantizeRowTiesToEven(t *testing.T) {
	var x [BlockLen]float32
	copy(x[:], []float32{127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -127})
	q := make([]Q8Block, 1)
	QuantizeRow(q, x[:])
	want := [BlockLen]int8{127, 0, 2, 2, 0, -2, -2, -127}
	if q[0].Q != want || q[0].D != 1 || q[0].Sum != 0 {
		t.Errorf("got %v, want D 1, Sum 0, Q %v", q[0], want)
	}
}

// TestQuantizeRowHostile puts special values at every place of a block.
func TestQuantizeRowHostile(t *testing.T) { eachTier(t, testQuantizeRowHostile) }

func testQuantizeRowHostile(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, v := range []float32{nan, -nan, inf, -inf, math.Float32frombits(0x7f800001), math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, 0x1p-100, 0x1.fffffep-101, float32(math.Copysign(0, -1))} {
		for at := range BlockLen {
			x := make([]float32, 3*BlockLen)
			for i := range BlockLen {
				x[i], x[2*BlockLen+i] = 1, 1
			}
			x[BlockLen+at] = v
			got, want := make([]Q8Block, 4), make([]Q8Block, 4)
			got[3].Sum, want[3].Sum = 77, 77
			QuantizeRow(got, x)
			quantizeRowGeneric(want, x)
			sameBlocks(t, fmt.Sprintf("%g at %d", v, at), got, want)
			poisoned := v != v || math.IsInf(float64(v), 0)
			if (got[1].D != got[1].D) != poisoned {
				t.Errorf("%g at %d: D = %g", v, at, got[1].D)
			}
			if abs := math.Abs(float64(v)); abs < 0x1p-100 && (got[1] != Q8Block{}) {
				t.Errorf("%g at %d: block %v, want zero", v, at, got[1])
			}
		}
	}
}

func TestQuantizeRowIsGeneric(t *testing.T) { eachTier(t, testQuantizeRowIsGeneric) }

func testQuantizeRowIsGeneric(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for blocks := range 20 {
		x := make([]float32, blocks*BlockLen)
		for i := range x {
			x[i] = randomFloat(r)
		}
		got, want := make([]Q8Block, blocks), make([]Q8Block, blocks)
		QuantizeRow(got, x)
		quantizeRowGeneric(want, x)
		sameBlocks(t, fmt.Sprintf("%d blocks", blocks), got, want)
	}
}

func sameBlocks(t *testing.T, name string, got, want []Q8Block) {
	t.Helper()
	for b := range want {
		g, w := got[b], want[b]
		if g.Q != w.Q || g.Sum != w.Sum {
			t.Fatalf("%s: block %d is %v, want %v", name, b, g, w)
		}
		equalFloats(t, fmt.Sprintf("%s: block %d: D, DSum", name, b), []float32{g.D, g.DSum}, []float32{w.D, w.DSum})
	}
}

func BenchmarkQuantizeRow(b *testing.B) {
	x := make([]float32, 2048)
	for i := range x {
		x[i] = float32(i%97) - 48
	}
	q := make([]Q8Block, len(x)/BlockLen)
	s := fastest(b, func() {
		for range 16 {
			QuantizeRow(q, x)
		}
	})
	b.ReportMetric(float64(16*4*len(x))/s/1e9, "GB/s")
}
