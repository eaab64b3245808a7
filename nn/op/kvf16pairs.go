package op

import (
	"encoding/binary"

	"limbeck/tensor/kernel"
)

// f16PairsKV is [f16KV] where pairs of bf16 are multiplied faster than f32: queries,
// probabilities, and what is read of the cache are rounded to bf16, sums are f32.
// Pairs lie side by side:
//
//	group of keys:    [headDim/2][16][2]   two channels of 16 positions
//	strip of values:  [room/2][16][2]      16 channels of two positions
type f16PairsKV struct{ f16KV }

func (f16PairsKV) form() *kernel.Activations { return kernel.Pairs }

func (f16PairsKV) putKeys(group []byte, keys encoded, lane int) { putPanel(group, keys, lane) }

// putValues clears the other half of a pair that it begins: what is stale there
// would be multiplied by 0, which does not rid one of an infinity.
func (f16PairsKV) putValues(strip []byte, values encoded, pos int) {
	const lows = 0x0000ffff0000ffff
	le := binary.LittleEndian
	for i := range values.n {
		row, pairs := values.row(i), strip[(pos+i)/2*kernel.F16PairBytes:][:kernel.F16PairBytes]
		for len(row) > 0 { // two channels
			v := uint64(le.Uint32(row))
			v = (v | v<<16) & lows
			if (pos+i)%2 == 1 {
				v = v<<16 | le.Uint64(pairs)&lows
			}
			le.PutUint64(pairs, v)
			row, pairs = row[pairBytes:], pairs[2*pairBytes:]
		}
	}
}

const (
	halfBytes = 2
	pairBytes = 2 * halfBytes
)

func (f16PairsKV) room(rows, headDim int) int {
	panel := max(headDim, KVBlock) / 2 * kernel.PanelWidth
	return panelsAtOnce*panel + rows*KVBlock/2
}

func (f16PairsKV) scores(c []float32, ldc int, q queries, keys kernel.Strips, mem []float32) {
	mulF16Pairs(c, ldc, kernel.Dense(q.formed, q.Rows, q.Cols/2), keys, mem)
}

func (f16PairsKV) sums(c []float32, ldc int, p kernel.Mat, values kernel.Strips, mem []float32) {
	pairs := kernel.PairShape(p)
	n := pairs.Rows * pairs.Cols
	pairs.Data = mem[:n]
	kernel.RoundPairs(pairs, p)
	mulF16Pairs(c, ldc, pairs, values, mem[n:])
}

// panelsAtOnce is how many panels a tile of pairs takes, at best.
const panelsAtOnce = 2

// mulF16Pairs is [mulStrips] for pairs.
func mulF16Pairs(c []float32, ldc int, a kernel.Mat, b kernel.Strips, mem []float32) {
	if a.Rows <= kernel.FewRows {
		kernel.MulF16Pairs(c, ldc, a, b)
		return
	}
	const w = kernel.PanelWidth
	size, blocks := a.Cols*w, a
	blocks.Rows -= a.Rows % kernel.BlockRows
	rest := part(a, blocks.Rows, a.Rows, 0, a.Cols)
	for i := 0; i < b.N; i += panelsAtOnce {
		n := min(panelsAtOnce, b.N-i)
		for p := range n {
			kernel.DecodeF16Pairs(mem[p*size:], b.Data[(i+p)*b.Apart:], a.Cols)
			if rest.Rows > 0 {
				kernel.MulPairs(c[blocks.Rows*ldc+(i+p)*w:], ldc, rest, mem[p*size:], w, false)
			}
		}
		kernel.MulBlockPairs(c[i*w:], ldc, blocks.Rows, blocks, mem, size, n*w, false)
	}
}
