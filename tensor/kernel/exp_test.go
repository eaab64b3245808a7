package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// expUlps is what Exp's documentation promises.
const expUlps = 2

func TestExpIsClose(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		var x, y [64]float32
		worst := 0.0
		for bits := uint64(0); bits < 1<<32; {
			for i := range x {
				x[i] = math.Float32frombits(uint32(bits))
				bits += 6553 // some 655,000 floats, of either sign
			}
			Exp(y[:], x[:])
			for i, v := range x {
				worst = max(worst, ulps(t, v, y[i]))
			}
		}
		t.Logf("at most %.2f ulp", worst)
		if worst > expUlps {
			t.Errorf("off by %.2f ulp, want at most %d", worst, expUlps)
		}
	})
}

// What is added to nothing, and a sum of one, is as close as an exponential where no
// element is positive.
func TestSoftmaxIsClose(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for bits := uint64(1 << 31); bits < 1<<32; {
			var x, y [64 + 7]float32
			for i := range x {
				x[i] = math.Float32frombits(uint32(bits))
				bits += 6553
			}
			AddSoftmax(y[:], x[:], 0, 1)
			for i, v := range x {
				sum := float32(SumExp(x[i:i+1], 0))
				if off := max(ulps(t, v, y[i]), ulps(t, v, sum)); off > expUlps {
					t.Fatalf("exp(%v) is %v, as a sum %v, off by %.2f ulp, want at most %d", v, y[i], sum, off, expUlps)
				}
			}
		}
	})
}

// ulps returns by how many units in the last place got is not e**x.
func ulps(t *testing.T, x, got float32) float64 {
	t.Helper()
	want := math.Exp(float64(x))
	switch {
	case x != x:
		if got == got {
			t.Fatalf("exp(NaN) is %v", got)
		}
		return 0
	case want > math.MaxFloat32*(1+0x1p-25):
		if !math.IsInf(float64(got), 1) {
			t.Fatalf("exp(%v) is %v, want +Inf", x, got)
		}
		return 0
	case math.IsInf(float64(got), 0) || got != got:
		t.Fatalf("exp(%v) is %v, want %v", x, got, want)
	}
	unit := math.Max(math.Ldexp(1, math.Ilogb(max(want, 0x1p-149))-23), 0x1p-149)
	return math.Abs(float64(got)-want) / unit
}

func TestExpAtTheEnds(t *testing.T) {
	inf := float32(math.Inf(1))
	eachTier(t, func(t *testing.T) {
		for _, c := range [][2]float32{
			{0, 1}, {float32(math.Copysign(0, -1)), 1}, {inf, inf}, {-inf, 0}, {1e30, inf}, {-1e30, 0},
			{88.72284, inf}, {-104, 0}, {-150, 0}, {math.MaxFloat32, inf}, {-math.MaxFloat32, 0},
		} {
			for n := 1; n <= 9; n++ { // vector and tail
				x := make([]float32, n)
				for i := range x {
					x[i] = c[0]
				}
				Exp(x, x)
				for _, got := range x {
					if got != c[1] {
						t.Fatalf("exp(%v) is %v, want %v", c[0], got, c[1])
					}
				}
			}
		}
	})
}

func TestLogSumExp(t *testing.T) {
	inf := float32(math.Inf(1))
	eachTier(t, func(t *testing.T) {
		// Logs of counts, far from 0, with a masked place.
		x := []float32{1000 + log32(1), 1000 + log32(2), -inf, 1000 + log32(5)}
		const tolerance = 1e-7 // an ulp of 1,000 is 6e-5
		if lse := LogSumExp(x); !near(lse, 1000+log32(8), tolerance) {
			t.Errorf("LogSumExp is %v, want %v", lse, 1000+log32(8))
		}
		if lse := LogSumExp([]float32{-inf, -inf, -inf}); lse != -inf {
			t.Errorf("LogSumExp of nothing but -Inf is %v", lse)
		}
		if lse := LogSumExp(nil); lse != -inf {
			t.Errorf("LogSumExp of nothing is %v, want -Inf", lse)
		}
		nan := inf - inf
		for _, x := range [][]float32{{nan}, {nan, nan, nan}, {1, nan, 2}, {nan, -inf}, slices.Repeat([]float32{nan}, 19)} {
			if lse := LogSumExp(x); lse == lse {
				t.Errorf("LogSumExp of %v is %v, want NaN", x, lse)
			}
		}
	})
}

func log32(x float64) float32 { return float32(math.Log(x)) }

func TestLogSumExpOfMany(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		x := make([]float32, 49152)
		var sum float64
		for i := range x {
			x[i] = float32(i%97) / 10
			sum += math.Exp(float64(x[i]))
		}
		if got, want := LogSumExp(x), float32(math.Log(sum)); !near(got, want, 1e-6) {
			t.Errorf("LogSumExp is %v, want %v", got, want)
		}
	})
}

func TestExpMax(t *testing.T) {
	inf := float32(math.Inf(1))
	nan := inf - inf
	eachTier(t, func(t *testing.T) {
		for _, n := range []int{1, 5, 15, 16, 17, 33, 128, sumBlock} {
			x, all := fenced(n)
			for i := range x {
				x[i] = float32(i*37%n) - 300 // the largest is n-301, as an exponential still 1
			}
			var want float64
			was := slices.Clone(x)
			m, s := expToMax(x)
			for i, v := range was {
				e := math.Exp(float64(v - m))
				want += e
				if math.Abs(float64(x[i])-e) > 1e-6 {
					t.Fatalf("%d elements: element %d is %v, want %v", n, i, x[i], e)
				}
			}
			if m != slices.Max(was) || math.Abs(float64(s)-want) > 1e-6*want || !fencesStand(all) {
				t.Errorf("%d elements: largest %v, sum %v, want %v", n, m, s, want)
			}
		}
		if m, s := expToMax(nil); m != -inf || s != 0 {
			t.Errorf("of nothing: %v, %v", m, s)
		}
		masked := slices.Repeat([]float32{-inf}, 19)
		if m, s := expToMax(masked); m != -inf || s != 0 || masked[0] != 0 || masked[18] != 0 {
			t.Errorf("of −Inf: %v, %v, %v", m, s, masked)
		}
		for _, x := range [][]float32{{nan}, {1, nan, 2}, {nan, -inf}, slices.Repeat([]float32{nan}, 19)} {
			if _, s := expToMax(x); s == s {
				t.Errorf("with a NaN: sum %v", s)
			}
		}
	})
}

// Rows that are made exponentials together have the bits of rows made so one by one.
func TestExpMaxRows(t *testing.T) {
	inf := float32(math.Inf(1))
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(33, 0))
		for _, rows := range []int{1, 2, 5, 12} {
			for _, cols := range []int{1, 2, 15, 16, 17, 40, 128} {
				for _, group := range []int{1, 3} {
					for _, seen := range []int{-3, 0, 1, 2, cols - 1, cols, cols + 2} {
						x := matrix(r, rows, cols, 3, false)
						if rows == 5 { // one sees nothing that counts, one a NaN
							for j := range cols {
								x.Data[2*x.RowStride+j] = -inf
							}
							x.Data[3*x.RowStride] = float32(math.NaN())
						}
						want, m, s := slices.Clone(x.Data), make([]float32, rows), make([]float32, rows)
						for i := range rows {
							row, n := want[i*x.RowStride:][:cols], min(max(seen+i/group, 0), cols)
							m[i], s[i] = expToMax(row[:n])
							clear(row[n:])
						}
						gotM, allM := fenced(rows)
						gotS, allS := fenced(rows)
						ExpMaxRows(x, seen, group, gotM, gotS)
						same := slices.Equal(FloatBytes(x.Data), FloatBytes(want)) && slices.Equal(FloatBytes(gotM), FloatBytes(m)) && slices.Equal(FloatBytes(gotS), FloatBytes(s))
						if !same || !fencesStand(allM) || !fencesStand(allS) {
							t.Fatalf("%d×%d in groups of %d, the first sees %d: %v, %v, %v, want %v, %v, %v", rows, cols, group, seen, x.Data, gotM, gotS, want, m, s)
						}
					}
				}
			}
		}
	})
}
