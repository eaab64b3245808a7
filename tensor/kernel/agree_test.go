package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A series is what one output of a product adds up in order: its terms, and where it
// begins.
type series struct {
	start float64
	terms []float64
}

// bound is how far two tiers may be apart, of which one fuses each addition and the
// other rounds the product first: each rounds each partial sum, the latter each
// term too, and a rounding moves by half an ulp, 2⁻²⁴ of its result, at most
// (Higham, Accuracy and Stability of Numerical Algorithms, sect. 3.3). It is at most
// (2·terms + 1)·2⁻²⁴·Σ|term|.
func (s series) bound() float64 {
	at, all := s.start, 0.0
	for _, v := range s.terms {
		at += v
		all += math.Abs(v) + 2*math.Abs(at)
	}
	const second = 1 + 0x1p-10 // errors of errors
	return second * 0x1p-24 * all
}

// An agreement compares a tier with the generic one.
type agreement struct {
	t                *testing.T
	outputs, differs int
	noticed          int     // outputs for which the bound tells the rounding of a factor to bf16
	worst            float64 // of bounds
}

func (a *agreement) add(what string, got, want, rounded []float32, sums []series) {
	for i, s := range sums {
		bound, off := s.bound(), math.Abs(float64(got[i])-float64(want[i]))
		if !(off <= bound) {
			a.t.Errorf("%s: output %d is %g, %g from the generic tier's; want at most %g", what, i, got[i], off, bound)
			return
		}
		a.outputs++
		a.worst = max(a.worst, off/bound)
		if off > 0 {
			a.differs++
		}
		if math.Abs(float64(rounded[i])-float64(want[i])) > bound {
			a.noticed++
		}
	}
}

// check fails if the comparison says nothing: if the tiers compute the same, or the
// bound lets pass what it is to find.
func (a *agreement) check(what string) {
	if a.t.Failed() {
		return
	}
	a.t.Logf("%s: %d of %d outputs differ, by %.2f of the bound at most; it notices the rounding to bf16 of %d", what, a.differs, a.outputs, a.worst, a.noticed)
	if a.differs == 0 {
		a.t.Errorf("%s: no output differs: the bound is of no use", what)
	}
	if a.noticed < a.outputs*9/10 {
		a.t.Errorf("%s: of %d outputs %d show that a factor was rounded to bf16; want nine of ten", what, a.outputs, a.noticed)
	}
}

func inBF16(x []float32) []float32 {
	y := slices.Clone(x)
	for i, v := range y {
		y[i] = bf16(v)
	}
	return y
}

// TestTiersAgreeOnHalves compares products of f16 and bf16, which no tier rounds
// to int8, with the generic ones. Measured: apart by 0.14 of the bound at most.
func TestTiersAgreeOnHalves(t *testing.T) {
	fastTiers(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(61, 0))
		encode := map[*Layout]func([]byte, []float32){F16x16: f32ToF16, BF16x16: f32ToBF16}
		for _, f := range packedFormats {
			if encode[f.layout] == nil {
				continue
			}
			a := &agreement{t: t}
			for _, s := range shapes {
				for _, n := range []int{1, 7} {
					rows, cols := s[0], s[1]
					m, x := make([]byte, 2*rows*cols), randoms(r, n*cols)
					encode[f.layout](m, randoms(r, rows*cols))
					p := pack(f.layout, m, rows, cols)
					mul := func(x []float32) []float32 {
						y := make([]float32, n*rows)
						f.layout.MatMul(y, rows, x, n, p, rows, cols, 0, groups(rows))
						return y
					}
					sums := make([]series, n*rows)
					for i := range sums {
						row := f.elements(f.row(m, cols, i%rows), cols)
						for k, e := range row {
							sums[i].terms = append(sums[i].terms, float64(e.value())*float64(x[i/rows*cols+k]))
						}
					}
					var want []float32
					inTier(tierGeneric, func() { want = mul(x) })
					a.add(fmt.Sprintf("%s %v n=%d", f.layout.Name, s, n), mul(x), want, mul(inBF16(x)), sums)
				}
			}
			a.check(f.layout.Name)
		}
	})
}

// TestTiersAgreeOnPanels compares products of f32 with the generic ones. Measured:
// apart by 0.93 of the bound at most, where there is one term.
func TestTiersAgreeOnPanels(t *testing.T) {
	fastTiers(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(62, 0))
		g := &agreement{t: t}
		for _, k := range []int{1, 8, 31, 256, 600, 2048} {
			for _, rows := range []int{1, 6, 13} {
				const cols = PanelWidth
				add := r.IntN(2) == 0
				x, b, start := randoms(r, rows*k), Dense(randoms(r, k*cols), k, cols), randoms(r, rows*cols)
				panel := make([]float32, k*cols)
				PackPanels(panel, b, 0, 1)
				mul := func(x []float32) []float32 {
					c := slices.Clone(start)
					MulPanels(c, cols, Dense(x, rows, k), panel, 0, cols, add)
					return c
				}
				sums := make([]series, rows*cols)
				for i := range sums {
					if add {
						sums[i].start = float64(start[i])
					}
					for j := range k {
						sums[i].terms = append(sums[i].terms, float64(x[i/cols*k+j])*float64(b.at(j, i%cols)))
					}
				}
				var want []float32
				inTier(tierGeneric, func() { want = mul(x) })
				g.add(fmt.Sprintf("%d×%d×%d, add %v", rows, k, cols, add), mul(x), want, mul(inBF16(x)), sums)
			}
		}
		g.check("panels")
	})
}
