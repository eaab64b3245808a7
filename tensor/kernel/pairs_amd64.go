//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./pairs -out ../pairs_amd64.s -stubs ../pairs_stubs_amd64.go -pkg kernel"

func mulPairsBF16(c []float32, ldc, cols int, a rowBlocks, panel []float32, add bool) {
	i := 0
	for ; a.rows-i > BlockRows; i += 2 * BlockRows {
		a.pairsTile(pairs12BF16, i, c, ldc, cols, panel, add)
	}
	if i < a.rows {
		a.pairsTile(pairs6BF16, i, c, ldc, cols, panel, add)
	}
}

func mulPairsTwiceBF16(c []float32, ldc int, a rowBlocks, panels []float32, apart int, add bool) int {
	const rows = 2 * BlockRows
	if a.cols == 0 {
		return 0
	}
	whole := a.rows / rows * rows
	for i := 0; i < whole; i += rows {
		mulPairs12x2BF16(&c[i*ldc], ldc*wordBytes, &a.data[i/BlockRows*a.block], a.block*wordBytes, a.row*wordBytes, a.col*wordBytes,
			&panels[0], a.cols, add, apart*wordBytes)
	}
	return whole
}

func pairAlongBF16(dst []float32, dstStride int, x []float32, stride, rows, cols int) {
	const step = 32
	n := cols / step
	if n > 0 {
		roundPairsBF16(&dst[0], dstStride*wordBytes, &x[0], stride*wordBytes, rows, n)
	}
	if n*step < cols {
		pairAlongGeneric(dst[n*step/2:], dstStride, x[n*step:], stride, rows, cols-n*step)
	}
}

func pairVectorsFast(dst []float32, apart, step int, src []float32, stride, n, vectors int) {
	pairVectorsBF16(&dst[0], apart*wordBytes, step*wordBytes, &src[0], stride*wordBytes, n, vectors)
}

func pairRunsFast(dst, src []float32, stride, n int) int {
	squares := n / PanelWidth
	if squares > 0 {
		pairRunsBF16(&dst[0], &src[0], stride*wordBytes, squares)
	}
	return squares * PanelWidth
}

func pairTurnedFast(dst []float32, dstStride int, src []float32, stride, rows, pairs int) (int, int) {
	rows, pairs = rows&^(PanelWidth-1), pairs&^(PanelWidth-1)
	if rows > 0 {
		for p := 0; p < pairs; p += PanelWidth {
			pairTurnedBF16(&dst[p], dstStride*wordBytes, &src[2*p*stride], stride*wordBytes, rows/PanelWidth)
		}
	}
	return rows, pairs
}

func pairColumnFast(dst, x []float32) {
	const square = 2 * PanelWidth
	n := len(x) / square
	if n > 0 {
		pairColumnBF16(&dst[0], &x[0], n)
	}
	if rest := x[n*square:]; len(rest) > 0 {
		pairColumnGeneric(dst[n*PanelWidth*PanelWidth:], rest)
	}
}

func pairHalvesFast(dst []float32, apart int, x []float32, high bool) {
	pairHalvesBF16(&dst[0], apart*wordBytes, &x[0], len(x)/PanelWidth, high)
}

// A pairsTile multiplies whole blocks by a whole panel.
type pairsTile int

const (
	pairs6BF16 pairsTile = iota
	pairs12BF16
)

func (t pairsTile) rows() int {
	if t == pairs12BF16 {
		return 2 * BlockRows
	}
	return BlockRows
}

// mul multiplies the rows of a from row i on.
func (t pairsTile) mul(c *float32, ldc int, a *rowBlocks, i int, panel *float32, add bool) {
	data := &a.data[i/BlockRows*a.block]
	ldc, apart, row, col := ldc*wordBytes, a.block*wordBytes, a.row*wordBytes, a.col*wordBytes
	switch t {
	case pairs6BF16:
		mulPairs6BF16(c, ldc, data, apart, row, col, panel, a.cols, add)
	case pairs12BF16:
		mulPairs12BF16(c, ldc, data, apart, row, col, panel, a.cols, add)
	}
}

// pairsTile runs a tile from row i on. Where the blocks or the panel are not
// whole, the product goes by way of one that is.
func (a *rowBlocks) pairsTile(t pairsTile, i int, c []float32, ldc, cols int, panel []float32, add bool) {
	rows := min(t.rows(), a.rows-i)
	if a.cols == 0 {
		mulPairsGeneric(c[i*ldc:], ldc, cols, rowBlocks{rows: rows}, panel, add)
		return
	}
	if rows == t.rows() && cols == PanelWidth {
		t.mul(&c[i*ldc], ldc, a, i, &panel[0], add)
		return
	}
	var whole [2 * BlockRows * PanelWidth]float32
	for r := 0; r < rows && add; r++ {
		copy(whole[r*PanelWidth:][:cols], c[(i+r)*ldc:])
	}
	t.mul(&whole[0], PanelWidth, a, i, &panel[0], add)
	for r := range rows {
		copy(c[(i+r)*ldc:][:cols], whole[r*PanelWidth:])
	}
}
