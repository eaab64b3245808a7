package kernel

import "math"

// A pair is two bf16 in the bits of a float32: the low half is the element at
// the even column, the high half its right neighbor. Pairs pack into panels and
// blocks as floats do; no arithmetic is done on them but here.

// The routines in use; the dispatcher replaces them.
var (
	pairRows  = pairRowsGeneric
	pairAlong = pairAlongGeneric
	mulPairs  = mulPairsGeneric

	fastPairs = false
)

// FastPairs reports whether products of pairs are faster than those of as many
// f32.
func FastPairs() bool { return fastPairs }

// Pairs is the form of activations that are rounded to pairs.
var Pairs = &Activations{Len: 2, Size: 1, Quantize: func(dst, x []float32) { pairAlong(dst, x) }}

// PairShape returns the matrix of a's pairs along its rows: as many rows, half
// the columns, contiguous along what is contiguous in a. Its Data is to be set
// to Rows·Cols floats.
func PairShape(a Mat) Mat {
	cols := (a.Cols + 1) / 2
	if a.RowStride == 1 && a.ColStride != 1 {
		return Mat{Rows: a.Rows, Cols: cols, RowStride: 1, ColStride: a.Rows}
	}
	return Mat{Rows: a.Rows, Cols: cols, RowStride: cols, ColStride: 1}
}

// RoundPairs rounds a to bf16, to the nearest, ties to even; a NaN becomes
// quiet, and what is below the least normal float may become 0. dst is of
// [PairShape](a), or rows or columns of it where a are those of the whole. Beyond an
// odd number of columns the high half is 0.
func RoundPairs(dst, a Mat) {
	if dst.Rows != a.Rows || dst.Cols != (a.Cols+1)/2 {
		panic("kernel: RoundPairs: dst is not of the shape of pairs")
	}
	a.check("RoundPairs")
	dst.check("RoundPairs")
	switch {
	case a.Rows == 0 || a.Cols == 0:
	case a.ColStride == 1 && dst.ColStride == 1:
		for i := range a.Rows {
			pairAlong(dst.Data[i*dst.RowStride:][:dst.Cols], a.Data[i*a.RowStride:][:a.Cols])
		}
	case a.RowStride == 1 && dst.RowStride == 1:
		for p := range dst.Cols {
			out, low := dst.Data[p*dst.ColStride:][:a.Rows], a.Data[2*p*a.ColStride:][:a.Rows]
			if 2*p+1 < a.Cols {
				pairRows(out, low, a.Data[(2*p+1)*a.ColStride:][:a.Rows])
			} else {
				pairAlone(out, low)
			}
		}
	default:
		roundPairsStrided(dst, a)
	}
}

// pairAlongGeneric pairs neighbors.
func pairAlongGeneric(dst, x []float32) {
	whole := len(x) / 2
	f32ToBF16(floatBits(dst[:whole]), x[:2*whole])
	pairAlone(dst[whole:], x[2*whole:])
}

// pairAlone pairs each element with 0.
func pairAlone(dst, x []float32) {
	for i, v := range x {
		dst[i] = pair(v, 0)
	}
}

func roundPairsStrided(dst, a Mat) {
	for i := range a.Rows {
		for p := range dst.Cols {
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

// MulPairs is [MulPanel] for pairs: a and panel hold n pairs where those hold n
// floats, and with · the product of bf16 values,
//
//	for i, j: for p := range n { c[i, j] += a[i, 2p]·b[2p, j] + a[i, 2p+1]·b[2p+1, j] }
//
// in f32. In which order a pair's products are added, and whether they are
// rounded first, depends on the tier; an element's bits depend on its row of a
// and its column of b alone.
func MulPairs(c []float32, ldc int, a Mat, panel []float32, cols int, add bool) {
	a.check("MulPairs")
	if !checkMul(c, ldc, a.Rows, cols, a.Cols, panel) {
		return
	}
	blocks := rowBlocks{a.Data, a.Rows / BlockRows * BlockRows, a.Cols, BlockRows * a.RowStride, a.RowStride, a.ColStride}
	if blocks.rows > 0 {
		mulPairs(c, ldc, cols, blocks, panel, add)
	}
	if blocks.rows == a.Rows {
		return
	}
	// Tiles take whole blocks: the rows that are left become one.
	const depth = 64
	var block [BlockRows * depth]float32
	c, a.Data, a.Rows = c[blocks.rows*ldc:], a.Data[min(blocks.rows*a.RowStride, len(a.Data)):], a.Rows-blocks.rows
	for k := 0; k < a.Cols || k == 0; k += depth {
		n := min(depth, a.Cols-k)
		if n > 0 {
			packBlock(block[:n*BlockRows], a.Data[k*a.ColStride:], a.RowStride, a.ColStride, a.Rows, n)
		}
		mulPairs(c, ldc, cols, rowBlocks{block[:], a.Rows, n, 0, 1, BlockRows}, panel[k*PanelWidth:], add || k > 0)
	}
}

// MulBlockPairs is [MulPairs] where a has that many rows and n columns and comes
// as packed blocks, stride elements apart.
func MulBlockPairs(c []float32, ldc int, blocks []float32, stride, rows, n int, panel []float32, cols int, add bool) {
	if checkMul(c, ldc, rows, cols, n, panel) {
		mulPairs(c, ldc, cols, packedBlocks("MulBlockPairs", blocks, stride, rows, n), panel, add)
	}
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
