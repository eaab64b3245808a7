package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// lengths are those at which a loop changes its step: every one up to 70, and
// around the blocks of the sums.
func lengths() []int {
	var n []int
	for i := range 71 {
		n = append(n, i)
	}
	for _, b := range []int{128, 256, sumBlock, 2 * sumBlock} {
		n = append(n, b-1, b, b+1)
	}
	return n
}

// elementTolerance bounds the difference of two roundings of a few operations
// on arguments below 4: their terms stay below 64, whose ulp is 2^-18.
const elementTolerance = 0x1p-18

// fenced returns n floats between poison on both sides, off alignment.
func fenced(n int) (v, all []float32) {
	const fence = 9
	all = make([]float32, n+2*fence)
	for i := range all {
		all[i] = poison
	}
	return all[fence : fence+n : fence+n], all
}

func fencesStand(all []float32) bool {
	for i := range 9 {
		if all[i] != poison || all[len(all)-1-i] != poison {
			return false
		}
	}
	return true
}

// A loopCase is a routine on slices of one length, with two float arguments.
type loopCase struct {
	name   string
	slices int
	sums   bool // the result is a sum over the elements
	run    func(v [][]float32, a, b float32) float32
	alias  [][2]int // slices that may be the same
}

var loopCases = []loopCase{
	{"Dot", 2, true, func(v [][]float32, _, _ float32) float32 { return Dot(v[0], v[1]) }, [][2]int{{0, 1}}},
	{"Sum", 1, true, func(v [][]float32, _, _ float32) float32 { return Sum(v[0]) }, nil},
	{"SumSquares", 1, true, func(v [][]float32, _, _ float32) float32 { return SumSquares(v[0]) }, nil},
	{"dot3", 3, true, func(v [][]float32, _, _ float32) float32 { return dot3(v[0], v[1], v[2]) }, nil},
	{"Max", 1, false, func(v [][]float32, _, _ float32) float32 { return Max(v[0]) }, nil},
	{"Axpy", 2, false, func(v [][]float32, a, _ float32) float32 { Axpy(a, v[0], v[1]); return 0 }, [][2]int{{0, 1}}},
	{"Blend", 2, false, func(v [][]float32, a, b float32) float32 { Blend(v[0], a, v[1], b); return 0 }, [][2]int{{0, 1}}},
	{"Scale", 2, false, func(v [][]float32, a, _ float32) float32 { Scale(v[0], a, v[1]); return 0 }, nil},
	{"Add", 2, false, func(v [][]float32, _, _ float32) float32 { Add(v[0], v[1]); return 0 }, [][2]int{{0, 1}}},
	{"Exp", 2, false, func(v [][]float32, _, _ float32) float32 { Exp(v[0], v[1]); return 0 }, [][2]int{{0, 1}}},
	{"expSum", 1, true, func(v [][]float32, a, _ float32) float32 { return expSum(v[0], a) }, nil},
	{"SumExp", 1, true, func(v [][]float32, _, _ float32) float32 { return float32(SumExp(v[0], 4)) }, nil},
	{"ExpMax", 1, true, func(v [][]float32, _, _ float32) float32 {
		_, s := expToMax(v[0][:min(len(v[0]), sumBlock)])
		return s
	}, nil},
	{"LogSumExp", 1, false, func(v [][]float32, _, _ float32) float32 { return LogSumExp(v[0]) }, nil},
	{"AddSoftmax", 2, false, func(v [][]float32, _, b float32) float32 { AddSoftmax(v[0], v[1], 4, b); return 0 }, nil},
	{"RMSNorm", 3, false, func(v [][]float32, _, _ float32) float32 { RMSNorm(v[0], v[1], v[2], 1e-5); return 0 }, [][2]int{{0, 1}}},
	{"mulScaled", 3, false, func(v [][]float32, a, _ float32) float32 { mulScaled(v[0], v[1], v[2], a); return 0 }, nil},
	{"softmaxGrad", 2, false, func(v [][]float32, a, b float32) float32 { softmaxGrad(v[0], v[1], a, b); return 0 }, nil},
	{"normGrad", 4, false, func(v [][]float32, a, b float32) float32 { normGrad(v[0], v[1], v[2], v[3], a, b); return 0 }, nil},
	{"addMul", 3, false, func(v [][]float32, a, _ float32) float32 { addMul(v[0], v[1], v[2], a); return 0 }, nil},
	{"SwiGLU", 3, false, func(v [][]float32, _, _ float32) float32 { SwiGLU(v[0], v[1], v[2]); return 0 }, [][2]int{{0, 1}, {0, 2}}},
	{"SwiGLUGrad", 5, false, func(v [][]float32, _, _ float32) float32 {
		SwiGLUGrad(v[0], v[1], v[2], v[3], v[4])
		return 0
	}, nil},
}

// arguments returns the slices of a case, fenced, with the last pair in alias
// made one.
func arguments(c loopCase, n int, alias [2]int) (v, all [][]float32) {
	r := rand.New(rand.NewPCG(uint64(n), uint64(len(c.name))))
	for range c.slices {
		x, fence := fenced(n)
		for i := range x {
			x[i] = 8*r.Float32() - 4
		}
		v, all = append(v, x), append(all, fence)
	}
	if alias[0] != alias[1] {
		v[alias[1]] = v[alias[0]]
	}
	return v, all
}

func TestFastEqualsGeneric(t *testing.T) {
	fastTiers(t, func(t *testing.T) {
		for _, c := range loopCases {
			for _, alias := range append([][2]int{{}}, c.alias...) {
				for _, n := range lengths() {
					if err := compareTiers(c, n, alias); err != nil {
						t.Fatalf("%s, length %d, alias %v: %v", c.name, n, alias, err)
					}
				}
			}
		}
	})
}

func compareTiers(c loopCase, n int, alias [2]int) error {
	v, all := arguments(c, n, alias)
	w, _ := arguments(c, n, alias)
	const a, b = 1.25, -0.75
	got := c.run(v, a, b)
	var want float32
	inTier(tierGeneric, func() { want = c.run(w, a, b) })
	tolerance := elementTolerance
	if c.sums {
		tolerance *= float64(n + 1)
	}
	if !near(got, want, tolerance) {
		return fmt.Errorf("result %v, want %v", got, want)
	}
	for i := range v {
		for k := range v[i] {
			if !near(v[i][k], w[i][k], elementTolerance) {
				return fmt.Errorf("slice %d, element %d is %v, want %v", i, k, v[i][k], w[i][k])
			}
		}
		if !fencesStand(all[i]) {
			return fmt.Errorf("slice %d: wrote beyond its ends", i)
		}
	}
	return nil
}

func near(got, want float32, tolerance float64) bool {
	return got == want || math.Abs(float64(got)-float64(want)) <= tolerance*max(1, math.Abs(float64(want)))
}

// TestSumsKeepTheirPrecision adds what a plain f32 sum would lose.
func TestSumsKeepTheirPrecision(t *testing.T) {
	x := make([]float32, 1<<22)
	for i := range x {
		x[i] = 0.1
	}
	exact := float64(float32(0.1)) * float64(len(x))
	// A block of 1,024 in 4 sums: 256 additions, each off by 2^-24 at most.
	const relative = 0x1p-16
	eachTier(t, func(t *testing.T) {
		if got := float64(Sum(x)); math.Abs(got/exact-1) > relative {
			t.Errorf("Sum is %v, want %v", got, exact)
		}
		if got := float64(SumSquares(x)); math.Abs(got/(exact*float64(float32(0.1)))-1) > relative {
			t.Errorf("SumSquares is %v, want %v", got, exact*0.1)
		}
	})
}

func TestMaxOfNegatives(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for n := 1; n < 70; n++ {
			x := slices.Repeat([]float32{-3}, n)
			for at := range x {
				x[at] = -2
				if got := Max(x); got != -2 {
					t.Fatalf("length %d, maximum at %d: got %v, want -2", n, at, got)
				}
				x[at] = -3
			}
		}
		if got := Max(nil); !math.IsInf(float64(got), -1) {
			t.Errorf("maximum of nothing is %v, want -Inf", got)
		}
	})
}

func TestLengthsMustAgree(t *testing.T) {
	x, y := make([]float32, 3), make([]float32, 4)
	for name, f := range map[string]func(){
		"Dot":        func() { Dot(x, y) },
		"Axpy":       func() { Axpy(1, x, y) },
		"Add":        func() { Add(x, y) },
		"Exp":        func() { Exp(x, y) },
		"AddSoftmax": func() { AddSoftmax(x, y, 0, 1) },
		"RMSNorm":    func() { RMSNorm(x, x, y, 0) },
		"SwiGLU":     func() { SwiGLU(x, x, y) },
		"RoPE":       func() { RoPE(y, x, x) },
		"AdamW":      func() { AdamW(x, x, x, y, AdamWParams{}) },
		"F16ToF32":   func() { F16ToF32(x, make([]byte, 7)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s takes slices that do not fit", name)
				}
			}()
			f()
		}()
	}
}
