package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestQuantizeWide(t *testing.T) { eachTier(t, testQuantizeWide) }

func testQuantizeWide(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for _, scale := range []float64{1e-28, 1e-20, 1, 1e20, 1e38} {
		x := make([]float32, 3*WideLen)
		for i := range x {
			x[i] = float32(scale * (2*r.Float64() - 1))
		}
		q := make([]Q8Wide, 3)
		quantizeWideRow(q, x)
		for b, block := range q {
			part := x[b*WideLen : (b+1)*WideLen]
			var amax float64
			for _, v := range part {
				amax = max(amax, math.Abs(float64(v)))
			}
			if block.D != float32(amax)/127 {
				t.Errorf("scale %g: D = %g, want %g", scale, block.D, float32(amax)/127)
			}
			var sum32, sum16 [16]int16
			var less [4]WidePart
			for i := range WideLen {
				v := block.At(i)
				less[i/64].Less[i%64/16] -= 32 * int32(v)
				sum32[i/32] += int16(v)
				sum16[i/16] += int16(v)
				exact := float64(part[i]) / amax * 127
				// Half a step, and the rounding of two f32 operations on ≤ 127.
				if math.Abs(float64(v)-exact) > 0.5+127*2*0x1p-24 {
					t.Errorf("scale %g: element %d: %d for %g", scale, i, v, exact)
				}
			}
			for i, p := range block.Part {
				if p.Less != less[i].Less {
					t.Errorf("scale %g: part %d: Less %v, want %v", scale, i, p.Less, less[i].Less)
				}
			}
			if block.Sum16 != sum16 || block.Sum32 != [8]int16(sum32[:8]) {
				t.Errorf("scale %g: sums %v and %v, want %v and %v", scale, block.Sum16, block.Sum32, sum16, sum32[:8])
			}
		}
	}
}

// TestQuantizeWideHostile puts special values at every place of a block.
func TestQuantizeWideHostile(t *testing.T) { fastTiers(t, testQuantizeWideHostile) }

func testQuantizeWideHostile(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, v := range []float32{1, nan, -nan, inf, -inf, math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, 0x1p-100, 0x1.fffffep-101, float32(math.Copysign(0, -1))} {
		for at := range WideLen {
			x := make([]float32, 3*WideLen)
			for i := range WideLen {
				x[i], x[2*WideLen+i] = 1, 1
			}
			x[WideLen+at] = v
			got, want := make([]Q8Wide, 4), make([]Q8Wide, 4)
			got[3].D, want[3].D = 77, 77
			quantizeWideRow(got, x)
			quantizeWideGeneric(want, x)
			poisoned := got[1].D != got[1].D
			for b := range want {
				name := fmt.Sprintf("%g at %d: block %d", v, at, b)
				equalFloats(t, name, []float32{got[b].D}, []float32{want[b].D})
				got[b].D, want[b].D = 0, 0
				if got[b] != want[b] {
					t.Fatalf("%s is %v, want %v", name, got[b], want[b])
				}
			}
			if want := v != v || math.IsInf(float64(v), 0); poisoned != want {
				t.Errorf("%g at %d: D is NaN: %v, want %v", v, at, poisoned, want)
			}
		}
	}
}
