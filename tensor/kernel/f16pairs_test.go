package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Pairs in f16 become the pairs of bf16 that are nearest.
func TestDecodeF16Pairs(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(61, 0))
		for _, n := range []int{0, 1, 3, 4, 5, 64} {
			values := randoms(r, 2*PanelWidth*n)
			for i := range values {
				values[i] *= float32(math.Exp2(float64(r.IntN(60) - 40)))
			}
			copy(values, []float32{float32(math.Inf(1)), float32(math.NaN()), 0, -0x1p-24, 65504, 1 + 0x1p-8, 1 + 0x1p-7 + 0x1p-8})
			b := make([]byte, 2*len(values))
			F32ToF16(b, values)
			dst, all := fenced(n * PanelWidth)
			DecodeF16Pairs(dst, b, n)
			for i, p := range dst {
				low, high := unpair(p)
				for j, got := range []float32{low, high} {
					if want := bf16(half(b, 2*i+j)); got != want && (got == got || want == want) {
						t.Fatalf("element %d of %d rows is %v, want %v", 2*i+j, n, got, want)
					}
				}
			}
			if !fencesStand(all) {
				t.Fatalf("%d rows: wrote beyond the panel", n)
			}
		}
	})
}

// Rows of pairs have the bits that they have in whole blocks, and multiply strips in f16 as
// they do the panels these decode to.
func TestMulPairs(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(62, 0))
		for _, n := range []int{0, 1, 3, 8, 31, 65, 130} {
			for rows := 1; rows <= 26; rows++ {
				if err := checkMulPairs(r, rows, n); err != nil {
					t.Fatalf("%d×%d: %v", rows, n, err)
				}
			}
		}
	})
}

func checkMulPairs(r *rand.Rand, rows, n int) error {
	const strips = 9
	a := roundedPairs(matrix(r, rows, 2*n, 3, false))
	apart := n*F16PairBytes + 8
	b := make([]byte, strips*apart)
	F32ToF16(b, randoms(r, len(b)/2))
	panels := make([][]float32, strips)
	blocks := paddedRows(r, a)
	ldc := strips*PanelWidth + 3
	want := make([]float32, (rows-1)*ldc+strips*PanelWidth)
	for p := range panels {
		panels[p] = make([]float32, n*PanelWidth)
		DecodeF16Pairs(panels[p], b[p*apart:], n)
		MulBlockPairs(want[p*PanelWidth:], ldc, rows, blocks, panels[p], 0, PanelWidth, false)
	}
	got, all := fenced(len(want))
	for p, panel := range panels {
		MulPairs(got[p*PanelWidth:], ldc, a, panel, PanelWidth, false)
	}
	for i := range got {
		if i%ldc < strips*PanelWidth && got[i] != want[i] {
			return fmt.Errorf("element %d is %v, want %v", i, got[i], want[i])
		}
	}
	for some := 1; some <= strips; some++ {
		clear(got)
		MulF16Pairs(got, ldc, a, Strips{Data: b, Apart: apart, N: some})
		for i := range rows {
			if !slices.Equal(got[i*ldc:][:some*PanelWidth], want[i*ldc:][:some*PanelWidth]) {
				return fmt.Errorf("by %d strips in f16, row %d has other bits", some, i)
			}
		}
	}
	if !fencesStand(all) {
		return fmt.Errorf("wrote beyond the product")
	}
	return nil
}

// A head's 128 values of 64 channels, multiplied as they lie and decoded first.
func BenchmarkF16Pairs(b *testing.B) {
	const n, strips = 64, 4
	r := rand.New(rand.NewPCG(63, 0))
	data := make([]byte, strips*n*F16PairBytes)
	F32ToF16(data, randoms(r, len(data)/2))
	panel := make([]float32, n*PanelWidth)
	for _, rows := range []int{1, 3, 6, 12, 48} {
		a := roundedPairs(matrix(r, rows, 2*n, 0, false))
		c := make([]float32, rows*strips*PanelWidth)
		for _, decode := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d rows/decoded first %v", rows, decode), func(b *testing.B) {
				for b.Loop() {
					if !decode {
						MulF16Pairs(c, strips*PanelWidth, a, Strips{Data: data, Apart: n * F16PairBytes, N: strips})
						continue
					}
					for p := range strips {
						DecodeF16Pairs(panel, data[p*n*F16PairBytes:], n)
						MulPairs(c[p*PanelWidth:], strips*PanelWidth, a, panel, PanelWidth, false)
					}
				}
				b.ReportMetric(4*float64(rows*n*strips*PanelWidth)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
