package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The product with panels of f16 has the bits of the product with the panels
// decoded, in every tier.
func TestMulHalves(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(43, 0))
		for _, n := range []int{0, 1, 3, 4, 5, 24, 64, 67} {
			for rows := 1; rows <= 14; rows++ {
				for _, panels := range []int{1, 2, 3, 4, 5, 9} {
					const gap = 3
					a := matrix(r, rows, n, gap, false)
					apart := n*PanelWidth + 8
					b := make([]byte, 2*(panels*apart-8))
					F32ToF16(b, randoms(r, len(b)/2))
					ldc := panels*PanelWidth + 5
					c, all := fenced((rows-1)*ldc + panels*PanelWidth)
					MulHalves(c, ldc, a, b, apart, panels)
					want := make([]float32, rows*PanelWidth)
					panel := make([]float32, n*PanelWidth)
					for p := range panels {
						F16ToF32(panel, b[2*p*apart:][:2*len(panel)])
						MulPanel(want, PanelWidth, a, panel, PanelWidth, false)
						for i := range rows {
							if got := c[i*ldc+p*PanelWidth:][:PanelWidth]; !slices.Equal(got, want[i*PanelWidth:][:PanelWidth]) {
								t.Fatalf("%d×%d, panel %d of %d, row %d: %v, want %v", rows, n, p, panels, i, got, want[i*PanelWidth:][:PanelWidth])
							}
						}
					}
					if !fencesStand(all) {
						t.Fatalf("%d×%d by %d panels: written beyond the product", rows, n, panels)
					}
				}
			}
		}
	})
}

func BenchmarkMulHalves(b *testing.B) {
	r := rand.New(rand.NewPCG(44, 0))
	const n, panels = 64, 8
	data := make([]byte, 2*n*panels*PanelWidth)
	F32ToF16(data, randoms(r, len(data)/2))
	c := make([]float32, 16*panels*PanelWidth)
	for _, rows := range []int{1, 3, 4, 6, 8, 12} {
		a := matrix(r, rows, n, 0, false)
		b.Run(fmt.Sprintf("%d rows", rows), func(b *testing.B) {
			for b.Loop() {
				MulHalves(c, panels*PanelWidth, a, data, n*PanelWidth, panels)
			}
			b.ReportMetric(2*float64(rows*n*panels*PanelWidth*b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		b.Run(fmt.Sprintf("%d rows, decoded first", rows), func(b *testing.B) {
			panel := make([]float32, n*PanelWidth)
			for b.Loop() {
				for p := range panels {
					F16ToF32(panel, data[2*p*n*PanelWidth:][:2*len(panel)])
					MulPanel(c[p*PanelWidth:], panels*PanelWidth, a, panel, PanelWidth, false)
				}
			}
			b.ReportMetric(2*float64(rows*n*panels*PanelWidth*b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
