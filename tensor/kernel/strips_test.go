package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// random returns n rows with scales as a cache has them, and any quanta.
func (s *Strip) random(r *rand.Rand, n int) []byte {
	b := make([]byte, n*s.Bytes)
	if s == F16Strip {
		F32ToF16(b, randoms(r, len(b)/2))
		return b
	}
	for k := range n {
		row := b[k*s.Bytes:][:s.Bytes]
		F32ToF16(row[:2], randoms(r, 1))
		for j := range row[2:] {
			row[2+j] = byte(r.Uint32())
		}
	}
	return b
}

// In every tier, strips decode to the generic values, and the product with them
// has the bits of the product with the panels that they decode to.
func TestStrips(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for name, s := range strips {
			t.Run(name, func(t *testing.T) { testStrip(t, s) })
		}
	})
}

func testStrip(t *testing.T, s *Strip) {
	r := rand.New(rand.NewPCG(43, 0))
	for _, n := range []int{0, 1, 3, 4, 5, 24, 64, 67} {
		const most = 9
		apart := n*s.Bytes + 6
		b := make([]byte, most*apart-6)
		panels := make([][]float32, most)
		for p := range panels {
			copy(b[p*apart:], s.random(r, n))
			var all []float32
			panels[p], all = fenced(n * s.Width)
			s.Decode(panels[p], b[p*apart:], n)
			if !fencesStand(all) || !slices.Equal(panels[p], s.decoded(b[p*apart:], n)) {
				t.Fatalf("a strip of %d rows is not decoded as it should be", n)
			}
		}
		for rows := 1; rows <= 14; rows++ {
			a := matrix(r, rows, n, 3, false)
			for _, strips := range []int{1, 2, 3, 4, 5, most} {
				testStripMul(t, s, a, b, apart, strips, panels)
			}
		}
	}
}

// decoded returns n rows as panels.
func (s *Strip) decoded(b []byte, n int) []float32 {
	out := make([]float32, n*s.Width)
	row := make([]float32, s.Width)
	for k := range n {
		s.decodeGeneric(row, b[k*s.Bytes:])
		for j, v := range row {
			out[j/PanelWidth*n*PanelWidth+k*PanelWidth+j%PanelWidth] = v
		}
	}
	return out
}

func testStripMul(t *testing.T, s *Strip, a Mat, b []byte, apart, strips int, panels [][]float32) {
	t.Helper()
	ldc := strips*s.Width + 5
	c, all := fenced((a.Rows-1)*ldc + strips*s.Width)
	s.Mul(c, ldc, a, Strips{Data: b, Apart: apart, N: strips, Ahead: b[len(b)/2:]})
	want := make([]float32, a.Rows*s.Width)
	for p := range strips {
		for j := 0; j < s.Width; j += PanelWidth {
			MulPanels(want[j:], s.Width, a, panels[p][j*a.Cols:], 0, PanelWidth, false)
		}
		for i := range a.Rows {
			if got, want := c[i*ldc+p*s.Width:][:s.Width], want[i*s.Width:][:s.Width]; !slices.Equal(got, want) {
				t.Fatalf("%d×%d, strip %d of %d, row %d: %v, want %v", a.Rows, a.Cols, p, strips, i, got[:4], want[:4])
			}
		}
	}
	if !fencesStand(all) {
		t.Fatalf("%d×%d by %d strips: written beyond the product", a.Rows, a.Cols, strips)
	}
}

// A head's 128 values of 64 channels, multiplied as they lie and decoded first.
func BenchmarkStrips(b *testing.B) {
	const n, width = 128, 64
	for name, s := range strips {
		r := rand.New(rand.NewPCG(44, 0))
		count := width / s.Width
		data := s.random(r, count*n)
		panels := make([]float32, n*width)
		for _, rows := range []int{1, 3, 6, 12, 48} {
			a, c := matrix(r, rows, n, 0, false), make([]float32, rows*width)
			for _, decode := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/%d rows/decoded first %v", name, rows, decode), func(b *testing.B) {
					for b.Loop() {
						if !decode {
							s.Mul(c, width, a, Strips{Data: data, Apart: n * s.Bytes, N: count})
							continue
						}
						for p := range count {
							s.Decode(panels[p*n*s.Width:], data[p*n*s.Bytes:], n)
						}
						for j := 0; j < width; j += PanelWidth {
							MulPanels(c[j:], width, a, panels[j*n:], 0, PanelWidth, false)
						}
					}
					b.ReportMetric(2*float64(rows*n*width)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}
