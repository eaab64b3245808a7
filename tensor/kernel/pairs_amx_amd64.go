//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./pairsamx -out ../pairs_amx_amd64.s -stubs ../pairs_amx_stubs_amd64.go -pkg kernel"

// cutsOfTiles are for tiles, which wait for what they read from the second cache and for
// the product: of large pieces less is read, and the product once.
var cutsOfTiles = Cuts{Depth: 1024, Rows: 96, Cols: 192}

// leastPairsOfTiles is where products of 64 channels by as many positions as rows break
// even (BenchmarkAttentionGrad of package op): tiles take some time to configure, and what
// does not fill them takes as long.
const leastPairsOfTiles = 48

// A tileSpan is n tiles of so many rows, columns or pairs each.
type tileSpan struct{ first, n, size int }

// spansOf returns the whole tiles of n rows, columns or pairs, and one of what is left.
func spansOf(n int) [2]tileSpan {
	whole, rest := n/tileRows, n%tileRows
	return [2]tileSpan{{0, whole, tileRows}, {whole * tileRows, min(1, rest), rest}}
}

func mulPairBlocksAMX(c []float32, ldc int, a rowBlocks, panels []float32, apart, cols int, add bool) {
	switch {
	case a.cols == 0:
		mulPairBlocksByPanel(c, ldc, a, panels, apart, cols, add)
		return
	case a.col != 1 || a.block != BlockRows*a.row:
		a.gathered(c, ldc, panels, apart, cols, add)
		return
	}
	for _, k := range spansOf(a.cols) {
		for _, i := range spansOf(a.rows) {
			for _, j := range spansOf(cols) {
				if k.n*i.n*j.n == 0 {
					continue
				}
				shape := tilesFor(i.size, j.size, k.size)
				mulPairsAMX(shape.bytes(), &c[i.first*ldc+j.first], ldc*wordBytes, &a.data[i.first*a.row+k.first], a.row*wordBytes, i.n,
					&panels[j.first/PanelWidth*apart+k.first*PanelWidth], apart*wordBytes, j.n, k.n, add || k.first > 0)
			}
		}
	}
}

// gathered is mulPairBlocksAMX where pairs of a row do not follow each other, or blocks of
// rows do not: it copies them, a tile at a time.
func (a rowBlocks) gathered(c []float32, ldc int, panels []float32, apart, cols int, add bool) {
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
			mulPairBlocksAMX(c[i*ldc:], ldc, some, panels[k*PanelWidth:], apart, cols, add || k > 0)
		}
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
