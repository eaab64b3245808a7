package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// bf16 rounds as the format does.
func bf16(v float32) float32 { return math.Float32frombits(toBF16(v) << 16) }

func TestRoundPairs(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(51, 0))
		for _, rows := range []int{0, 1, 2, 7, 8, 9, 33} {
			for _, cols := range []int{0, 1, 2, 3, 15, 16, 17, 34, 71} {
				for _, transposed := range []bool{false, true} {
					for _, turned := range []bool{false, true} {
						if err := checkRoundPairs(matrix(r, rows, cols, 3, transposed), turned); err != nil {
							t.Fatalf("%d×%d, transposed %v, pairs %v: %v", rows, cols, transposed, turned, err)
						}
					}
				}
			}
		}
	})
}

// pairsOf returns room for the pairs of a, whose rows are contiguous, or else columns.
func pairsOf(a Mat, turned bool) Mat {
	m := Mat{Rows: a.Rows, Cols: (a.Cols + 1) / 2, RowStride: (a.Cols + 1) / 2, ColStride: 1}
	if turned {
		m.RowStride, m.ColStride = 1, m.Rows
	}
	return m
}

func checkRoundPairs(a Mat, turned bool) error {
	dst := pairsOf(a, turned)
	var all []float32
	dst.Data, all = fenced(dst.Rows * dst.Cols)
	RoundPairs(dst, a)
	for i := range dst.Rows {
		for p := range dst.Cols {
			low, high := unpair(dst.at(i, p))
			wantHigh := float32(0)
			if 2*p+1 < a.Cols {
				wantHigh = bf16(a.at(i, 2*p+1))
			}
			if low != bf16(a.at(i, 2*p)) || high != wantHigh {
				return fmt.Errorf("pair %d, %d is %v, %v, want %v, %v", i, p, low, high, bf16(a.at(i, 2*p)), wantHigh)
			}
		}
	}
	if !fencesStand(all) {
		return fmt.Errorf("wrote beyond the ends")
	}
	return nil
}

func TestPackPairPanels(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(53, 0))
		for _, rows := range []int{0, 1, 2, 3, 8, 15, 16, 17, 128, 131, 290} {
			for _, cols := range []int{1, 7, 15, 16, 17, 40, 64} {
				for _, transposed := range []bool{false, true} {
					b, n := matrix(r, rows, cols, 3, transposed), (cols+PanelWidth-1)/PanelWidth
					want := make([]float32, n*(rows+1)/2*PanelWidth*2)
					PackPanels(want, roundedPairs(b.T()).T(), 0, n)
					size := (rows + 1) / 2 * PanelWidth
					for lo := range n {
						dst, all := fenced((n - lo) * size)
						PackPairPanels(dst, b, lo, n)
						if !slices.Equal(FloatBytes(dst), FloatBytes(want[lo*size:n*size])) || !fencesStand(all) {
							t.Fatalf("%d×%d, transposed %v: panels from %d on differ", rows, cols, transposed, lo)
						}
					}
				}
			}
		}
	})
}

// A column and a row of pairs stand where they belong, and nothing else changes.
func TestPutPairs(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(57, 0))
		for _, n := range []int{1, 2, 15, 16, 17, 31, 32, 33, 64, 80, 97, 128} {
			for j := range PanelWidth {
				if err := checkPutPairColumn(r, n, j); err != nil {
					t.Fatalf("column %d of %d elements: %v", j, n, err)
				}
			}
			for i := range 5 {
				if err := checkPutPairRow(r, n, i); err != nil {
					t.Fatalf("row %d of %d elements: %v", i, n, err)
				}
			}
		}
	})
}

func checkPutPairColumn(r *rand.Rand, n, j int) error {
	x := randoms(r, n)
	panel, all := fenced((n + 1) / 2 * PanelWidth)
	want := slices.Clone(panel)
	for k := range n {
		p := &want[k/2*PanelWidth+j]
		if low, _ := unpair(*p); k%2 == 0 {
			*p = pair(x[k], 0)
		} else {
			*p = pair(low, x[k])
		}
	}
	if PutPairColumn(panel, j, x); !slices.Equal(panel, want) || !fencesStand(all) {
		return fmt.Errorf("%v, want %v", panel, want)
	}
	return nil
}

func checkPutPairRow(r *rand.Rand, n, i int) error {
	const rows = 6
	strips, apart := (n+PanelWidth-1)/PanelWidth, (rows/2+1)*PanelWidth
	x := randoms(r, n)
	data, all := fenced(strips * apart)
	want := slices.Clone(data)
	for c := range strips * PanelWidth {
		p, v := &want[c/PanelWidth*apart+i/2*PanelWidth+c%PanelWidth], float32(0)
		if c < n {
			v = x[c]
		}
		if low, _ := unpair(*p); i%2 == 0 {
			*p = pair(v, 0)
		} else {
			*p = pair(low, v)
		}
	}
	PutPairRow(Strips{Data: FloatBytes(data), Apart: apart * wordBytes, N: strips}, i, x)
	if !slices.Equal(data, want) || !fencesStand(all) {
		return fmt.Errorf("%v, want %v", data, want)
	}
	return nil
}

func TestRoundPairsHardValues(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	hard := []float32{0, -1, nan, inf, -inf, math.MaxFloat32, 1 + 0x1p-8, 1 + 0x1p-7 + 0x1p-8, 0x1p-140}
	// The last is below half the least subnormal.
	want := []float32{0, -1, nan, inf, -inf, inf, 1, 1 + 0x1p-6, 0x1p-133 * 0}
	eachTier(t, func(t *testing.T) {
		for i, v := range hard {
			x := slices.Repeat([]float32{v}, 2*34)
			for _, a := range []Mat{Dense(x, 2, 34), Dense(x, 34, 2).T()} {
				dst := pairsOf(a, a.RowStride == 1)
				dst.Data = make([]float32, dst.Rows*dst.Cols)
				RoundPairs(dst, a)
				for _, p := range dst.Data {
					if low, high := unpair(p); math.Float32bits(low) != math.Float32bits(high) || low != want[i] && (low == low || v == v) {
						t.Fatalf("%v became %v and %v, want %v", v, low, high, want[i])
					}
				}
			}
		}
	})
}

// pairsTolerance bounds the error of an f32 sum of 2n products of standard
// normals, as the bounds of f32 products do: n roundings of partial sums, which
// add like a random walk; 8 deviations. The products themselves are exact.
func pairsTolerance(n int) float64 { return 8 * 0x1p-24 * float64(2*n+1) }

func TestMulBlockPairs(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(52, 0))
		for _, k := range []int{0, 1, 2, 7, 8, 9, 64, 515} {
			for _, rows := range []int{1, 2, 5, 6, 7, 11, 12, 13, 18, 25} {
				for _, cols := range []int{1, 15, 16, 17, 32, 33, 64} {
					add := r.IntN(2) == 0
					if err := checkMulBlockPairs(r, rows, k, cols, add); err != nil {
						t.Fatalf("%d×%d×%d, add %v: %v", rows, k, cols, add, err)
					}
				}
			}
		}
	})
}

func roundedPairs(a Mat) Mat {
	p := pairsOf(a, a.RowStride == 1 && a.ColStride != 1)
	p.Data = make([]float32, p.Rows*p.Cols)
	RoundPairs(p, a)
	return p
}

// paddedRows copies pairs to whole blocks whose rows or columns lie apart.
func paddedRows(r *rand.Rand, p Mat) Mat {
	rows := (p.Rows + BlockRows - 1) / BlockRows * BlockRows
	m := matrix(r, rows, p.Cols, 1, r.IntN(2) == 0)
	for i := range p.Rows {
		for k := range p.Cols {
			m.Data[i*m.RowStride+k*m.ColStride] = p.at(i, k)
		}
	}
	return m
}

func checkMulBlockPairs(r *rand.Rand, rows, k, cols int, add bool) error {
	a, b := matrix(r, rows, k, 1, false), matrix(r, k, cols, 0, false)
	pa, pb := roundedPairs(a), roundedPairs(b.T()).T()
	n := pa.Cols
	size, panels := n*PanelWidth, (cols+PanelWidth-1)/PanelWidth
	blocks, panel := paddedRows(r, pa), make([]float32, panels*size)
	PackPanels(panel, pb, 0, panels)
	ldc := cols + 3
	c, all := fenced((rows-1)*ldc + cols)
	copy(c, randoms(r, len(c)))
	start := slices.Clone(c)
	MulBlockPairs(c, ldc, rows, blocks, panel, size, cols, add)
	for i, got := range c {
		want := float64(start[i])
		row, col := i/ldc, i%ldc
		if col >= cols {
			if got != start[i] {
				return fmt.Errorf("gap %d was written to", i)
			}
			continue
		}
		if !add {
			want = 0
		}
		for p := range k {
			want += float64(bf16(a.at(row, p))) * float64(bf16(b.at(p, col)))
		}
		if !(math.Abs(float64(got)-want) <= pairsTolerance(n)) {
			return fmt.Errorf("element %d, %d is %v, want %v", row, col, got, want)
		}
	}
	if !fencesStand(all) {
		return fmt.Errorf("wrote beyond the ends")
	}
	return checkRowsAlone(start, c, ldc, blocks, rows, panel, cols, add)
}

// checkRowsAlone repeats a product block by block and cut between steps of pairs: the
// bits must be those of got.
func checkRowsAlone(start, got []float32, ldc int, blocks Mat, rows int, panel []float32, cols int, add bool) error {
	c := slices.Clone(start)
	cut, size := blocks.Cols/3/PairStep*PairStep, blocks.Cols*PanelWidth
	for i := 0; i < rows; i += BlockRows {
		some, first, rest := min(BlockRows, rows-i), blocks, blocks
		first.Rows, rest.Rows, first.Cols, rest.Cols = BlockRows, BlockRows, cut, blocks.Cols-cut
		first.Data = blocks.Data[min(i*blocks.RowStride, len(blocks.Data)):]
		rest.Data = first.Data[min(cut*blocks.ColStride, len(first.Data)):]
		MulBlockPairs(c[i*ldc:], ldc, some, first, panel, size, cols, add)
		MulBlockPairs(c[i*ldc:], ldc, some, rest, panel[cut*PanelWidth:], size, cols, true)
	}
	if !slices.Equal(c, got) {
		return fmt.Errorf("blocks alone, cut after %d pairs, have other bits", cut)
	}
	return nil
}

func BenchmarkMulBlockPairs(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const rows, n = 48, 144
	blocks, panel, c := Dense(randoms(r, rows*n), rows, n), randoms(r, 2*n*PanelWidth), make([]float32, 2*rows*PanelWidth)
	was := current
	defer setTier(was)
	for t := tierGeneric; t <= bestTier(); t++ {
		setTier(t)
		b.Run(t.String(), func(b *testing.B) {
			s := fastest(b, func() { MulBlockPairs(c, 2*PanelWidth, rows, blocks, panel, n*PanelWidth, 2*PanelWidth, false) })
			b.ReportMetric(8*rows*n*PanelWidth/s/1e9, "GFLOP/s")
		})
	}
}
