package op

import (
	"encoding/binary"

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

// encode saturates as [f16KV] does.
func (pairsKV) encode(dst []byte, x []float32) {
	if kernel.F32ToBF16(dst, x); mayExceed(x, bf16Greatest) {
		saturate(dst, bf16Exponent)
	}
}

func (pairsKV) putGroup(group []byte, values kernel.Strips, k, v kernel.Mat, pos int) {
	kernel.PackPairPanels(dtype.Floats(group), k.T(), 0, 1)
	at := pos / 2 * kernel.PanelWidth
	for i := range values.N {
		strip := part(v, 0, v.Rows, i*kernel.PanelWidth, min((i+1)*kernel.PanelWidth, v.Cols))
		kernel.PackPairPanels(dtype.Floats(values.Data[i*values.Apart:])[at:], strip, 0, 1)
	}
	for i := range k.Rows {
		if mayExceed(k.Data[i*k.RowStride:][:k.Cols], bf16Greatest) || mayExceed(v.Data[i*v.RowStride:][:v.Cols], bf16Greatest) {
			saturate(group, bf16Exponent)
			for s := range values.N {
				rows := values.Data[s*values.Apart:][at*floatBytes:]
				saturate(rows[:v.Rows/2*kernel.PanelWidth*floatBytes], bf16Exponent)
			}
			return
		}
	}
}

func (pairsKV) putKeys(group []byte, keys encoded, lane int) { putPanel(group, keys, lane) }

const (
	halfBytes = 2
	pairBytes = 2 * halfBytes
)

// putValues clears the other half of a pair that it begins: what is stale there
// would be multiplied by 0, which does not rid one of an infinity.
func (pairsKV) putValues(strip []byte, values encoded, pos int) {
	const lows = 0x0000ffff0000ffff
	const row = pairBytes * kernel.PanelWidth
	le := binary.LittleEndian
	for i := range values.n {
		from, to := values.row(i), strip[(pos+i)/2*row:][:row]
		for len(from) > 0 { // two channels
			v := uint64(le.Uint32(from))
			v = (v | v<<16) & lows
			if (pos+i)%2 == 1 {
				v = v<<16 | le.Uint64(to)&lows
			}
			le.PutUint64(to, v)
			from, to = from[pairBytes:], to[2*pairBytes:]
		}
	}
}

func (pairsKV) scores(c []float32, ldc int, q queries, keys kernel.Strips, mem []float32) {
	pairs := kernel.Dense(q.formed, q.Rows, q.Cols/2)
	if q.Rows > kernel.FewRows {
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

// mulPairs multiplies the first rows of a by strips: few rows, or rows in whole blocks.
func mulPairs(c []float32, ldc, rows int, a kernel.Mat, b kernel.Strips) {
	if rows <= kernel.FewRows {
		kernel.MulPairStrips(c, ldc, part(a, 0, rows, 0, a.Cols), b)
		return
	}
	kernel.MulBlockPairs(c, ldc, rows, a, dtype.Floats(b.Data), b.Apart/floatBytes, b.N*kernel.PanelWidth, false)
}
