//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./pairsamx -out ../pairs_amx_amd64.s -stubs ../pairs_amx_stubs_amd64.go -pkg kernel"

// cutsOfTiles are for tiles, which wait for what they read from the second cache and for
// the product: of large pieces less is read, and the product once.
var cutsOfTiles = Cuts{Depth: 1024, Rows: 96, Cols: 192}

// mulPairBlocksAMX multiplies whole tiles in one call, and what is left in others.
func mulPairBlocksAMX(c []float32, ldc int, a rowBlocks, panels []float32, apart, cols int, add bool) {
	const w, pair = PanelWidth, 2 * PanelWidth
	rows, wide := 0, cols/pair*pair
	if a.even() && a.cols > 0 && wide > 0 {
		rows = a.rows / tileRows * tileRows
	}
	if rows > 0 {
		a.eachStep(add, func(k, pairs, steps int, add bool) {
			shape := tilesFor(2*tileRows, w, pairs)
			mulPairsManyAMX(shape.bytes(), &c[0], ldc*wordBytes, &a.data[k], a.row*wordBytes, rows,
				&panels[k*w], apart*wordBytes, wide/w, steps, add)
		})
	}
	if rows < a.rows {
		rest := a
		rest.data, rest.rows = a.data[rows*a.row:], a.rows-rows
		for j := 0; j < wide; j += pair {
			rest.tiled(c[rows*ldc+j:], ldc, w, panels[j/w*apart:], apart, 2, add)
		}
	}
	for j := wide; j < cols; j += w {
		a.tiled(c[j:], ldc, min(w, cols-j), panels[j/w*apart:], apart, 1, add)
	}
}

// even reports whether pairs of a row follow each other, and all rows are equally far apart.
func (a *rowBlocks) even() bool { return a.col == 1 && a.block == BlockRows*a.row }

// eachStep calls f for the whole steps of pairs of a's rows, and for what is left: from
// pair k on, so many steps of so many pairs.
func (a *rowBlocks) eachStep(add bool, f func(k, pairs, steps int, add bool)) {
	whole := a.cols / PairStep * PairStep
	if whole > 0 {
		f(0, PairStep, whole/PairStep, add)
	}
	if whole < a.cols {
		f(whole, a.cols-whole, 1, add || whole > 0)
	}
}

func mulPairStripsTiled(c []float32, ldc int, a Mat, b Strips) {
	if a.Cols == 0 {
		mulPairStripsGeneric(c, ldc, a, b)
		return
	}
	shapes, steps, rest := stripShapes(), a.Cols/PairStep, a.Cols%PairStep
	for i := 0; i < a.Rows; i += tileRows {
		shape := &shapes[min(tileRows, a.Rows-i)-1][rest]
		mulPairStripsAMX(shape.bytes(), &c[i*ldc], ldc*wordBytes, &a.Data[i*a.RowStride], a.RowStride*wordBytes,
			&b.Data[0], b.Apart, b.ahead(), b.N, steps, rest)
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
	if !a.even() {
		a.gathered(c, ldc, cols, panel, apart, panels, add)
		return
	}
	for i, n := 0, 0; i < a.rows; i += n {
		n = min(panels*tileRows, a.rows-i)
		a.eachStep(add, func(k, pairs, steps int, add bool) {
			a.tile(c[i*ldc:], ldc, cols, i, n, k, pairs, steps, panel, apart, panels, add)
		})
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
