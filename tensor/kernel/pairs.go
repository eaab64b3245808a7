package kernel

import (
	"fmt"
	"math"
)

// A pair is two bf16 in the bits of a float32: the low half is the element at
// the even column, the high half its right neighbor. Pairs pack into panels and
// blocks as floats do; no arithmetic is done on them but here.

// The routines in use; the dispatcher replaces them.
var (
	pairRows    = pairRowsGeneric
	pairVectors = pairVectorsGeneric
	pairRuns    = pairRunsGeneric
	pairColumn  = pairColumnGeneric
	pairHalves  = pairHalvesGeneric
	pairAlong   = pairAlongGeneric
	mulPairs    = mulPairsGeneric

	mulPairBlocks = mulPairBlocksByPanel

	pairTurned = pairTurnedGeneric

	mulPairsTwice = mulPanelNever

	fastPairs  = false
	leastPairs = 0
	pairCuts   = VectorCuts
	longPairs  = false // whether pairs are always multiplied along rows
)

// PairStep is the number of pairs of a row that may be added up before they are added to
// the product: where it is cut along k, it is cut between such steps.
const PairStep = 16

// FastPairs reports whether products of pairs are faster than those of as many
// f32.
func FastPairs() bool { return fastPairs }

// LeastPairs returns how many rows make products with about as many columns faster in
// pairs than in f32, if any do.
func LeastPairs() int { return leastPairs }

// Pairs is the form of activations that are rounded to pairs.
var Pairs = &Activations{Len: 2, Size: 1, Quantize: func(dst, x []float32) {
	if len(x) > 0 {
		pairAlong(dst[:(len(x)+1)/2], 0, x, 0, 1, len(x))
	}
}}

// PairCuts returns the cuts of [MulBlockPairs].
func PairCuts() Cuts { return pairCuts }

// PairsAlongRows reports whether a product with a's pairs is fastest where those of a row
// follow each other, not those of a column.
func PairsAlongRows(a Mat) bool { return a.RowStride != 1 || a.ColStride == 1 || longPairs }

// RoundPairs rounds a to bf16, to the nearest, ties to even; a NaN becomes
// quiet, and what is below the least normal float may become 0. dst has as many rows,
// ⌈a.Cols/2⌉ columns, and any strides. Beyond an odd number of columns the high half is
// 0.
func RoundPairs(dst, a Mat) {
	if dst.Rows != a.Rows || dst.Cols != (a.Cols+1)/2 {
		panic("kernel: RoundPairs: dst is not of the shape of pairs")
	}
	a.check("RoundPairs")
	dst.check("RoundPairs")
	switch {
	case a.Rows == 0 || a.Cols == 0:
	case a.ColStride == 1 && dst.ColStride == 1:
		pairAlong(dst.Data, dst.RowStride, a.Data, a.RowStride, a.Rows, a.Cols)
	case a.RowStride == 1 && dst.RowStride == 1:
		vectors, whole := a.Rows/PanelWidth, a.Cols/2
		if vectors > 0 && whole > 0 {
			pairVectors(dst.Data, PanelWidth, dst.ColStride, a.Data, a.ColStride, whole, vectors)
		}
		for p := range dst.Cols {
			from := vectors * PanelWidth
			if p == whole {
				from = 0
			}
			out, low := dst.Data[p*dst.ColStride:][from:a.Rows], a.Data[2*p*a.ColStride:][from:a.Rows]
			if p < whole {
				pairRows(out, low, a.Data[(2*p+1)*a.ColStride:][from:a.Rows])
			} else {
				pairAlone(out, low)
			}
		}
	case a.RowStride == 1 && dst.ColStride == 1:
		rows, pairs := pairTurned(dst.Data, dst.RowStride, a.Data, a.ColStride, a.Rows, a.Cols/2)
		roundPairsStrided(dst, a, rows, pairs)
	default:
		roundPairsStrided(dst, a, 0, 0)
	}
}

// pairTurnedGeneric pairs what follows each other in columns of src, stride apart, to
// rows, dstStride apart: of so many rows and pairs some first ones, as many as it likes,
// whose numbers it returns.
//
//	dst[i*dstStride+p] = pair(src[2*p*stride+i], src[(2*p+1)*stride+i])
func pairTurnedGeneric(_ []float32, _ int, _ []float32, _, _, _ int) (int, int) { return 0, 0 }

// pairAlongGeneric pairs the neighbors of rows.
func pairAlongGeneric(dst []float32, dstStride int, x []float32, stride, rows, cols int) {
	whole := cols / 2
	for i := range rows {
		out, in := dst[i*dstStride:], x[i*stride:][:cols]
		f32ToBF16(FloatBytes(out[:whole]), in[:2*whole])
		pairAlone(out[whole:], in[2*whole:])
	}
}

// pairAlone pairs each element with 0.
func pairAlone(dst, x []float32) {
	for i, v := range x {
		dst[i] = pair(v, 0)
	}
}

// roundPairsStrided is [RoundPairs] but for the first pairs of the first rows.
func roundPairsStrided(dst, a Mat, rows, pairs int) {
	for i := range a.Rows {
		first := 0
		if i < rows {
			first = pairs
		}
		for p := first; p < dst.Cols; p++ {
			at, high := i*a.RowStride+2*p*a.ColStride, float32(0)
			if 2*p+1 < a.Cols {
				high = a.Data[at+a.ColStride]
			}
			dst.Data[i*dst.RowStride+p*dst.ColStride] = pair(a.Data[at], high)
		}
	}
}

func pair(low, high float32) float32 {
	return math.Float32frombits(toBF16(low) | toBF16(high)<<16)
}

// unpair returns the two values of a pair.
func unpair(p float32) (low, high float32) {
	b := math.Float32bits(p)
	return math.Float32frombits(b << 16), math.Float32frombits(b &^ 0xffff)
}

// pairRowsGeneric is
//
//	for i := range dst { dst[i] = pair(low[i], high[i]) }
func pairRowsGeneric(dst, low, high []float32) {
	for i := range dst {
		dst[i] = pair(low[i], high[i])
	}
}

// pairVectorsGeneric rounds n pairs of rows of src, stride apart, so many vectors
// of 16 long:
//
//	dst[p*step+v*apart+j] = pair(src[2*p*stride+16*v+j], src[(2*p+1)*stride+16*v+j])
func pairVectorsGeneric(dst []float32, apart, step int, src []float32, stride, n, vectors int) {
	const w = PanelWidth
	for p := range n {
		low, high := src[2*p*stride:], src[(2*p+1)*stride:]
		for v := range vectors {
			pairRows(dst[p*step+v*apart:][:w], low[v*w:][:w], high[v*w:][:w])
		}
	}
}

// PackPairPanels is [PackPanels] of the pairs along the columns of b, which it
// rounds as [RoundPairs] does:
//
//	dst[((p-lo)*n+k)*16+j] = pair(b[2k, 16p+j], b[2k+1, 16p+j]),  n = ⌈b.Rows/2⌉
func PackPairPanels(dst []float32, b Mat, lo, hi int) {
	const w = PanelWidth
	n := (b.Rows + 1) / 2
	if lo < 0 || lo > hi || (hi-1)*w >= b.Cols && lo < hi {
		panic(fmt.Sprintf("kernel: PackPairPanels: panels %d to %d of %d columns", lo, hi, b.Cols))
	}
	if len(dst) < (hi-lo)*n*w {
		panic("kernel: PackPairPanels: dst is too short")
	}
	b.check("PackPairPanels")
	if n == 0 || lo == hi {
		return
	}
	b.Data, b.Cols = b.Data[lo*w*b.ColStride:], min(b.Cols-lo*w, (hi-lo)*w)
	whole, even := b.Cols/w, b.Rows/2
	if b.ColStride == 1 && whole > 0 && even > 0 {
		pairVectors(dst, n*w, w, b.Data, b.RowStride, even, whole)
	}
	for p := range hi - lo {
		panel := dst[p*n*w:][:n*w]
		first := 0
		switch {
		case b.ColStride == 1 && p < whole:
			first = even
		case b.RowStride == 1 && p < whole:
			first = pairRuns(panel, b.Data[p*w*b.ColStride:], b.ColStride, even)
		}
		pairPanel(panel, b, p*w, first)
	}
}

// pairRunsGeneric packs pairs of 16 runs of src, stride apart, into a panel: of n
// pairs as many as it likes, whose number it returns,
//
//	dst[k*16+j] = pair(src[j*stride+2*k], src[j*stride+2*k+1])
func pairRunsGeneric(_, _ []float32, _, _ int) int { return 0 }

// PutPairColumn stores the pairs of x as column j of a panel, and rounds as [RoundPairs]
// does:
//
//	panel[k*16+j] = pair(x[2k], x[2k+1])
func PutPairColumn(panel []float32, j int, x []float32) {
	if n := (len(x) + 1) / 2; n > 0 {
		if j < 0 || j >= PanelWidth || len(panel) < n*PanelWidth {
			panic(fmt.Sprintf("kernel: PutPairColumn: column %d of %d pairs in a panel of %d", j, n, len(panel)))
		}
		pairColumn(panel[j:], x)
	}
}

// pairColumnGeneric is
//
//	for k := range len(x)/2 { dst[k*16] = pair(x[2k], x[2k+1]) }
//
// and a last element is paired with 0.
func pairColumnGeneric(dst, x []float32) {
	for ; len(x) > 1; dst, x = dst[min(PanelWidth, len(dst)):], x[2:] {
		dst[0] = pair(x[0], x[1])
	}
	if len(x) > 0 {
		dst[0] = pair(x[0], 0)
	}
}

// PutPairRow stores x as row i of strips that are panels of pairs along their rows, and
// rounds as [RoundPairs] does: in the low halves if i is even, whose high halves become
// 0, else in the high ones. What lies beyond x in the last strip becomes 0, too. b is
// aligned to 4 bytes.
func PutPairRow(b Strips, i int, x []float32) {
	at := i / 2 * PanelWidth
	if i < 0 || len(x) > b.N*PanelWidth || b.N > 0 && len(b.Data) < (b.N-1)*b.Apart+(at+PanelWidth)*wordBytes {
		panic(fmt.Sprintf("kernel: PutPairRow: row %d of %d columns in %d strips of %d bytes", i, len(x), b.N, b.Apart))
	}
	whole := len(x) / PanelWidth
	if whole > 0 {
		pairHalves(FloatsIn(b.Data)[at:], b.Apart/wordBytes, x[:whole*PanelWidth], i%2 == 1)
	}
	if rest := x[whole*PanelWidth:]; len(rest) > 0 {
		var row [PanelWidth]float32
		copy(row[:], rest)
		pairHalvesGeneric(FloatsIn(b.Data[whole*b.Apart:])[at:], 0, row[:], i%2 == 1)
	}
}

// pairHalvesGeneric rounds vectors of 16 elements to the low halves of pairs, with 0, or
// to the high ones, each vector's apart from the one before.
func pairHalvesGeneric(dst []float32, apart int, x []float32, high bool) {
	for v := range len(x) / PanelWidth {
		to := dst[v*apart:][:PanelWidth]
		for j, e := range x[v*PanelWidth:][:PanelWidth] {
			if high {
				low, _ := unpair(to[j])
				to[j] = pair(low, e)
			} else {
				to[j] = pair(e, 0)
			}
		}
	}
}

// pairPanel packs up to 16 columns of b from column j on, and pairs from first
// on, into a panel.
func pairPanel(panel []float32, b Mat, j, first int) {
	for k := first; 2*k < b.Rows; k++ {
		row := (*[PanelWidth]float32)(panel[k*PanelWidth:])
		*row = [PanelWidth]float32{}
		for i := range min(PanelWidth, b.Cols-j) {
			at, high := 2*k*b.RowStride+(j+i)*b.ColStride, float32(0)
			if 2*k+1 < b.Rows {
				high = b.Data[at+b.RowStride]
			}
			row[i] = pair(b.Data[at], high)
		}
	}
}

// MulBlockPairs is [MulPanels] for pairs, of the first rows of a, whose rows are a
// multiple of [BlockRows], by as many panels as hold cols columns, apart floats apart:
// a and a panel hold n pairs where those hold n floats, and with · the product of bf16
// values,
//
//	for i, j: for p := range n { c[i, j] += a[i, 2p]·b[2p, j] + a[i, 2p+1]·b[2p+1, j] }
//
// in f32. In which order the products of [PairStep] pairs are added, and whether they are
// rounded first, depends on the tier; an element's bits depend on its row of a
// and its column of b alone.
func MulBlockPairs(c []float32, ldc, rows int, a Mat, panels []float32, apart, cols int, add bool) {
	a.check("MulBlockPairs")
	if rows > a.Rows || a.Rows%BlockRows != 0 {
		panic("kernel: MulBlockPairs: not of whole blocks")
	}
	blocks := a.blocks()
	blocks.rows = rows
	if checkMul(c, ldc, rows, cols, a.Cols, panels, apart) {
		mulPairBlocks(c, ldc, blocks, panels, apart, cols, add)
	}
}

func mulPairBlocksByPanel(c []float32, ldc int, a rowBlocks, panels []float32, apart, cols int, add bool) {
	eachPanel(c, ldc, a, panels, apart, cols, add, mulPairs, mulPairsTwice)
}

func mulPairsGeneric(c []float32, ldc, cols int, a rowBlocks, panel []float32, add bool) {
	for i := range a.rows {
		var sum [PanelWidth]float32
		if add {
			copy(sum[:cols], c[i*ldc:])
		}
		for p := range a.cols {
			x0, x1 := unpair(a.data[i/BlockRows*a.block+i%BlockRows*a.row+p*a.col])
			for j, b := range (*[PanelWidth]float32)(panel[p*PanelWidth:]) {
				y0, y1 := unpair(b)
				sum[j] = sum[j] + float32(x0*y0) + float32(x1*y1)
			}
		}
		copy(c[i*ldc:][:cols], sum[:])
	}
}
