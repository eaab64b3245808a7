package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// matrix returns a random matrix with NaNs in the gaps between its rows or
// columns: whoever reads one spreads it.
func matrix(r *rand.Rand, rows, cols, gap int, transposed bool) Mat {
	if transposed {
		return matrix(r, cols, rows, gap, false).T()
	}
	m := Mat{make([]float32, max(0, rows*(cols+gap)-gap)), rows, cols, cols + gap, 1}
	for i := range m.Data {
		m.Data[i] = float32(math.NaN())
	}
	for i := range rows {
		copy(m.Data[i*m.RowStride:][:cols], randoms(r, cols))
	}
	return m
}

func (m Mat) at(i, j int) float32 { return m.Data[i*m.RowStride+j*m.ColStride] }

func TestPackPanels(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(41, 0))
		for _, rows := range []int{0, 1, 3, 7, 8, 9, 16, 17, 31, 64, 65} {
			for _, cols := range []int{1, 7, 8, 9, 15, 16, 17, 24, 40} {
				for _, transposed := range []bool{false, true} {
					b := matrix(r, rows, cols, 3, transposed)
					n := (cols + PanelWidth - 1) / PanelWidth
					for lo := range n {
						dst, all := fenced((n - lo) * rows * PanelWidth)
						PackPanels(dst, b, lo, n)
						if err := checkPanels(dst, b, lo); err != nil || !fencesStand(all) {
							t.Fatalf("%d×%d, transposed %v, from panel %d: %v", rows, cols, transposed, lo, err)
						}
					}
				}
			}
		}
	})
}

func checkPanels(dst []float32, b Mat, lo int) error {
	for i, got := range dst {
		k, j := i/PanelWidth%b.Rows, (lo+i/PanelWidth/b.Rows)*PanelWidth+i%PanelWidth
		want := float32(0)
		if j < b.Cols {
			want = b.at(k, j)
		}
		if got != want {
			return fmt.Errorf("row %d, column %d is %v, want %v", k, j, got, want)
		}
	}
	return nil
}

func TestPackBlocks(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(42, 0))
		for _, rows := range []int{1, 2, 5, 6, 7, 12, 13} {
			for _, cols := range []int{0, 1, 7, 8, 9, 16, 17, 24, 25, 70} {
				for _, transposed := range []bool{false, true} {
					a := matrix(r, rows, cols, 2, transposed)
					n := (rows + BlockRows - 1) / BlockRows
					dst, all := fenced(n * cols * BlockRows)
					PackBlocks(dst, a, 0, n)
					for i, got := range dst {
						row, k := i/BlockRows/cols*BlockRows+i%BlockRows, i/BlockRows%cols
						want := float32(0)
						if row < rows {
							want = a.at(row, k)
						}
						if got != want {
							t.Fatalf("%d×%d, transposed %v: row %d, column %d is %v, want %v", rows, cols, transposed, row, k, got, want)
						}
					}
					if !fencesStand(all) {
						t.Fatalf("%d×%d, transposed %v: wrote beyond the ends", rows, cols, transposed)
					}
				}
			}
		}
	})
}

// chain is MulPanels' promise for one element, with fma the tier's step.
func chain(a, b Mat, i, j int, c float32, fma func(x, y, z float32) float32) float32 {
	for k := range a.Cols {
		c = fma(a.at(i, k), b.at(k, j), c)
	}
	return c
}

// TestMulPanelsIsTheChain compares bits: a product is one chain over k.
func TestMulPanelsIsTheChain(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		step := fma32
		if current == tierGeneric {
			step = func(x, y, z float32) float32 { return float32(x*y) + z }
		}
		r := rand.New(rand.NewPCG(43, 0))
		for _, k := range []int{0, 1, 3, 4, 5, 64, 255, 256, 257, 600} {
			for _, rows := range []int{1, 2, 3, 4, 5, 6, 7, 12, 13, 20, 24} {
				for _, cols := range []int{1, 7, 8, 9, 15, 16, 17, 32, 39, 64} {
					add, transposed := r.IntN(2) == 0, r.IntN(2) == 0
					a, b := matrix(r, rows, k, 1, transposed), matrix(r, k, cols, 0, false)
					if err := checkMulPanels(r, a, b, add, step); err != nil {
						t.Fatalf("%d×%d×%d, add %v, transposed %v: %v", rows, k, cols, add, transposed, err)
					}
				}
			}
		}
	})
}

func checkMulPanels(r *rand.Rand, a, b Mat, add bool, step func(x, y, z float32) float32) error {
	panels := (b.Cols + PanelWidth - 1) / PanelWidth
	apart := a.Cols * PanelWidth
	panel := make([]float32, panels*apart)
	PackPanels(panel, b, 0, panels)
	ldc := b.Cols + 3
	c, all := fenced((a.Rows-1)*ldc + b.Cols)
	for i := range a.Rows {
		copy(c[i*ldc:][:b.Cols], randoms(r, b.Cols))
	}
	start := slices.Clone(c)
	MulPanels(c, ldc, a, panel, apart, b.Cols, add)

	blocks := make([]float32, (a.Rows+BlockRows-1)/BlockRows*BlockRows*a.Cols)
	PackBlocks(blocks, a, 0, (a.Rows+BlockRows-1)/BlockRows)
	packed := slices.Clone(start)
	MulBlocks(packed, ldc, blocks, a.Cols*BlockRows, a.Rows, a.Cols, panel, apart, b.Cols, add)

	for i, got := range c {
		want := start[i]
		if row, col := i/ldc, i%ldc; col < b.Cols {
			if !add {
				want = 0
			}
			want = chain(a, b, row, col, want, step)
		}
		if got != want || packed[i] != want {
			return fmt.Errorf("element %d, %d is %v, %v from blocks, want %v", i/ldc, i%ldc, got, packed[i], want)
		}
	}
	if !fencesStand(all) {
		return fmt.Errorf("wrote beyond the ends")
	}
	return nil
}

func TestMulPanelsRejectsShortSlices(t *testing.T) {
	a := Dense(make([]float32, 12), 3, 4)
	for name, f := range map[string]func(){
		"c":     func() { MulPanels(make([]float32, 35), 16, a, make([]float32, 64), 0, 4, false) },
		"panel": func() { MulPanels(make([]float32, 48), 16, a, make([]float32, 63), 0, 16, false) },
		"cols":  func() { MulPanels(make([]float32, 99), 16, a, make([]float32, 199), 64, 17, false) },
		"a": func() {
			MulPanels(make([]float32, 48), 16, Mat{a.Data[:11], 3, 4, 4, 1}, make([]float32, 64), 0, 16, false)
		},
		"apart":        func() { MulPanels(make([]float32, 96), 32, a, make([]float32, 128), -64, 32, false) },
		"second panel": func() { MulPanels(make([]float32, 96), 32, a, make([]float32, 127), 64, 32, false) },
		"dst":          func() { PackPanels(make([]float32, 47), a, 0, 1) },
		"panels":       func() { PackPanels(make([]float32, 99), a, 0, 2) },
		"blocks":       func() { PackBlocks(make([]float32, 99), a, 0, 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
