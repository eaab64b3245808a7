package op

import (
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// pairsKV keeps keys and values in bf16, which take the place of f16 where pairs of
// them are multiplied faster than f32, in caches and in trainings in bf16. Queries and
// probabilities are rounded to bf16, too; sums are f32. Keys and values lie in panels of
// pairs:
//
//	group of keys:    [headDim/2][16][2]   two channels of 16 positions
//	strip of values:  [room/2][16][2]      16 channels of two positions
type pairsKV struct{}

func (pairsKV) form() *kernel.Activations { return kernel.Pairs }

func (pairsKV) strip() int { return kernel.PanelWidth }

// room is that of the rows in whole blocks.
func (pairsKV) room(rows, headDim int) int {
	return multiple(rows, kernel.BlockRows) * max(headDim, KVBlock) / 2
}

// put saturates as [f16KV] does. Values that begin a pair clear its other half: what is
// stale there would be multiplied by 0, which does not rid one of an infinity.
func (pairsKV) put(_ *kvShape, group []byte, values kernel.Strips, k, v kernel.Mat, pos int, _ []float32) {
	const w = kernel.PanelWidth
	at, row := pos/2*w*pairBytes, func(m kernel.Mat, i int) []float32 { return m.Data[i*m.RowStride:][:m.Cols] }
	if k.Rows == w {
		kernel.PackPairPanels(dtype.Floats(group), k.T(), 0, 1)
		for i := range values.N {
			strip := part(v, 0, v.Rows, i*w, min((i+1)*w, v.Cols))
			kernel.PackPairPanels(dtype.Floats(values.Data[i*values.Apart+at:]), strip, 0, 1)
		}
	} else {
		for i := range k.Rows {
			kernel.PutPairColumn(dtype.Floats(group), pos%w+i, row(k, i))
			kernel.PutPairRow(values, pos+i, row(v, i))
		}
	}
	for i := range k.Rows {
		if mayExceed(row(k, i), bf16Greatest) || mayExceed(row(v, i), bf16Greatest) {
			saturate(group, bf16Exponent)
			for s := range values.N {
				saturate(values.Data[s*values.Apart+at:][:(pos%2+v.Rows+1)/2*w*pairBytes], bf16Exponent)
			}
			return
		}
	}
}

const (
	halfBytes = 2
	pairBytes = 2 * halfBytes
)

func (pairsKV) scores(c []float32, ldc int, q queries, keys kernel.Strips, mem []float32) {
	pairs := kernel.Dense(q.formed, q.Rows, q.Cols/2)
	if manyPairs(q.Rows, keys.N) {
		pairs = wholeBlocks(mem, q.Rows, q.Cols/2)
		copy(pairs.Data, q.formed)
	}
	mulPairs(c, ldc, q.Rows, pairs, keys)
}

func (pairsKV) sums(c []float32, ldc int, p kernel.Mat, values kernel.Strips, mem []float32) {
	// Rows are rounded in whole vectors, what lies beyond them too.
	cols := (p.Cols + 1) / 2
	p.Cols = min(multiple(p.Cols, 2*kernel.PanelWidth), p.RowStride)
	pairs := wholeBlocks(mem, p.Rows, p.Cols/2)
	kernel.RoundPairs(part(pairs, 0, p.Rows, 0, pairs.Cols), p)
	mulPairs(c, ldc, p.Rows, part(pairs, 0, pairs.Rows, 0, cols), values)
}

// wholeBlocks returns room for the pairs of so many rows.
func wholeBlocks(mem []float32, rows, cols int) kernel.Mat {
	rows = multiple(rows, kernel.BlockRows)
	return kernel.Dense(mem[:rows*cols], rows, cols)
}

// manyPairs reports whether so many rows multiply strips faster in whole blocks. A single
// strip is not worth making them.
func manyPairs(rows, strips int) bool { return rows > kernel.FewRows && strips > 1 }

// mulPairs multiplies the first rows of a by strips; if they are many, a is of whole blocks.
func mulPairs(c []float32, ldc, rows int, a kernel.Mat, b kernel.Strips) {
	if !manyPairs(rows, b.N) {
		kernel.MulPairStrips(c, ldc, part(a, 0, rows, 0, a.Cols), b)
		return
	}
	kernel.MulBlockPairs(c, ldc, rows, a, dtype.Floats(b.Data), b.Apart/floatBytes, b.N*kernel.PanelWidth, false)
}
