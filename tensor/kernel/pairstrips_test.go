package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Rows of pairs multiply strips to the bits that they have in whole blocks, by panels.
func TestMulPairStrips(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(62, 0))
		for _, n := range []int{0, 1, 3, 8, 31, 65, 130} {
			for rows := 1; rows <= 26; rows++ {
				if err := checkMulPairStrips(r, rows, n); err != nil {
					t.Fatalf("%d×%d: %v", rows, n, err)
				}
			}
		}
	})
}

func checkMulPairStrips(r *rand.Rand, rows, n int) error {
	const strips = 9
	a := roundedPairs(matrix(r, rows, 2*n, 3, false))
	apart := 4 * (n*PanelWidth + 2)
	floats := make([]float32, strips*apart/4)
	b := FloatBytes(floats)
	f32ToBF16(b, randoms(r, len(b)/2))
	panel := func(p int) []float32 { return floats[p*apart/4:][:n*PanelWidth] }
	blocks := paddedRows(r, a)
	ldc := strips*PanelWidth + 3
	want := make([]float32, (rows-1)*ldc+strips*PanelWidth)
	for p := range strips {
		MulBlockPairs(want[p*PanelWidth:], ldc, rows, blocks, panel(p), 0, PanelWidth, false)
	}
	got, all := fenced(len(want))
	for some := 1; some <= strips; some++ {
		clear(got)
		MulPairStrips(got, ldc, a, Strips{Data: b, Apart: apart, N: some})
		for i := range rows {
			if !slices.Equal(got[i*ldc:][:some*PanelWidth], want[i*ldc:][:some*PanelWidth]) {
				return fmt.Errorf("by %d strips, row %d has other bits", some, i)
			}
		}
	}
	if !fencesStand(all) {
		return fmt.Errorf("wrote beyond the product")
	}
	return nil
}

// A head's 128 values of 64 channels, multiplied as strips and as panels.
func BenchmarkPairStrips(b *testing.B) {
	const n, strips = 64, 4
	r := rand.New(rand.NewPCG(63, 0))
	panels := make([]float32, strips*n*PanelWidth)
	f32ToBF16(FloatBytes(panels), randoms(r, 2*len(panels)))
	for _, rows := range []int{1, 3, 6, 12, 48} {
		a := roundedPairs(matrix(r, rows, 2*n, 0, false))
		blocks := paddedRows(r, a)
		c := make([]float32, rows*strips*PanelWidth)
		for _, asPanels := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d rows/as panels %v", rows, asPanels), func(b *testing.B) {
				for b.Loop() {
					if asPanels {
						MulBlockPairs(c, strips*PanelWidth, rows, blocks, panels, n*PanelWidth, strips*PanelWidth, false)
					} else {
						MulPairStrips(c, strips*PanelWidth, a, Strips{Data: FloatBytes(panels), Apart: 4 * n * PanelWidth, N: strips})
					}
				}
				b.ReportMetric(4*float64(rows*n*strips*PanelWidth)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
