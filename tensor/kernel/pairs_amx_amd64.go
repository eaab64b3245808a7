//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./pairsamx -out ../pairs_amx_amd64.s -stubs ../pairs_amx_stubs_amd64.go -pkg kernel"

func mulPairsAMX(c []float32, ldc, cols int, a rowBlocks, panel []float32, add bool) {
	a.tiled(c, ldc, cols, panel, 0, 1, add)
}

func mulPairsTwiceAMX(c []float32, ldc int, a rowBlocks, panels []float32, apart int, add bool) int {
	a.tiled(c, ldc, PanelWidth, panels, apart, 2, add)
	return a.rows
}

func mulPairStripsAMX(c []float32, ldc int, a Mat, b Strips) {
	rows := rowBlocks{a.Data, a.Rows, a.Cols, BlockRows * a.RowStride, a.RowStride, 1}
	for p, n := 0, 0; p < b.N; p += n {
		n = min(2, b.N-p)
		rows.tiled(c[p*PanelWidth:], ldc, PanelWidth, FloatsIn(b.Data[p*b.Apart:]), b.Apart/wordBytes, n, false)
	}
}

// tiled multiplies a by one panel, whose first columns count, or by two.
func (a rowBlocks) tiled(c []float32, ldc, cols int, panel []float32, apart, panels int, add bool) {
	if a.cols == 0 {
		for p := range panels {
			mulPairsGeneric(c[p*PanelWidth:], ldc, cols, a, panel, add)
		}
		return
	}
	if a.col != 1 || a.block != BlockRows*a.row {
		a.gathered(c, ldc, cols, panel, apart, panels, add)
		return
	}
	whole := a.cols / PairStep * PairStep
	for i, n := 0, 0; i < a.rows; i += n {
		n = min(panels*tileRows, a.rows-i)
		if whole > 0 {
			a.tile(c[i*ldc:], ldc, cols, i, n, 0, PairStep, whole/PairStep, panel, apart, panels, add)
		}
		if whole < a.cols {
			a.tile(c[i*ldc:], ldc, cols, i, n, whole, a.cols-whole, 1, panel, apart, panels, add || whole > 0)
		}
	}
}

// tile multiplies n rows of a, from row i on, in steps of so many pairs from pair k on.
func (a *rowBlocks) tile(c []float32, ldc, cols, i, n, k, pairs, steps int, panel []float32, apart, panels int, add bool) {
	shape := tilesFor(n, cols, pairs)
	t, from, by := shape.bytes(), &a.data[i*a.row+k], &panel[k*PanelWidth]
	ldc, row, apart := ldc*wordBytes, a.row*wordBytes, apart*wordBytes
	switch {
	case panels == 1:
		mulPairs1x1AMX(t, &c[0], ldc, from, row, by, apart, steps, add)
	case n <= tileRows:
		mulPairs1x2AMX(t, &c[0], ldc, from, row, by, apart, steps, add)
	default:
		mulPairs2x2AMX(t, &c[0], ldc, from, row, by, apart, steps, add)
	}
}

// gathered is tiled where pairs of a row do not follow each other, or blocks of rows do
// not: it copies them, a tile at a time.
func (a rowBlocks) gathered(c []float32, ldc, cols int, panel []float32, apart, panels int, add bool) {
	var tile [tileRows * PairStep]float32
	for i := 0; i < a.rows; i += tileRows {
		rows := min(tileRows, a.rows-i)
		for k := 0; k < a.cols; k += PairStep {
			pairs := min(PairStep, a.cols-k)
			for r := range rows {
				from := (i+r)/BlockRows*a.block + (i+r)%BlockRows*a.row + k*a.col
				for p := range pairs {
					tile[r*PairStep+p] = a.data[from+p*a.col]
				}
			}
			some := rowBlocks{tile[:], rows, pairs, BlockRows * PairStep, PairStep, 1}
			some.tiled(c[i*ldc:], ldc, cols, panel[k*PanelWidth:], apart, panels, add || k > 0)
		}
	}
}
