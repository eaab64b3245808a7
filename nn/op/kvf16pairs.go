package op

import (
	"encoding/binary"

	"limbeck/tensor/kernel"
)

// f16PairsKV is [f16KV] for processors that multiply pairs of bf16 faster than
// f32: queries, probabilities, and what is read of the cache are rounded to bf16,
// sums are f32. Pairs lie side by side:
//
//	group of keys:    [headDim/2][16][2]   two channels of 16 positions
//	strip of values:  [room/2][16][2]      16 channels of two positions
type f16PairsKV struct{ f16KV }

func (f16PairsKV) form() *kernel.Activations { return kernel.Pairs }

const (
	halfBytes = 2
	pairBytes = 2 * halfBytes
)

func (f16PairsKV) putKey(group, key []byte, lane int) {
	group = group[lane*pairBytes:]
	for i := 0; i < len(key); i += pairBytes {
		binary.LittleEndian.PutUint32(group[i*kernel.PanelWidth:], binary.LittleEndian.Uint32(key[i:]))
	}
}

// putValue clears the other half of a pair that it begins: what is stale there
// would be multiplied by 0, which does not rid one of an infinity.
func (f16PairsKV) putValue(strip, row []byte, pos int) {
	pairs := strip[pos/2*kernel.F16PairBytes:][:kernel.F16PairBytes]
	if pos%2 == 0 {
		clear(pairs)
	}
	for i := 0; i < len(row); i += halfBytes {
		at := 2*i + pos%2*halfBytes
		pairs[at], pairs[at+1] = row[i], row[i+1]
	}
}

func (f16PairsKV) room(rows, headDim int) int {
	panel := max(headDim, keyBlock) / 2 * kernel.PanelWidth
	return panel + rows*keyBlock/2
}

func (f16PairsKV) scores(c []float32, ldc int, q queries, keys []byte, groups int, mem []float32) {
	mulF16Pairs(c, ldc, kernel.Dense(q.formed, q.Rows, q.Cols/2), keys, q.Cols/2, groups, mem)
}

func (f16PairsKV) sums(c []float32, ldc int, p kernel.Mat, values []byte, room, strips int, mem []float32) {
	pairs := kernel.PairShape(p)
	n := pairs.Rows * pairs.Cols
	pairs.Data = mem[:n]
	kernel.RoundPairs(pairs, p)
	mulF16Pairs(c, ldc, pairs, values, room/2, strips, mem[n:])
}

// mulF16Pairs is [mulStrips] for pairs.
func mulF16Pairs(c []float32, ldc int, a kernel.Mat, b []byte, room, strips int, mem []float32) {
	apart := room * kernel.F16PairBytes
	if a.Rows <= kernel.FewRows {
		kernel.MulF16Pairs(c, ldc, a, b, apart, strips)
		return
	}
	for i := range strips {
		kernel.DecodeF16Pairs(mem, b[i*apart:], a.Cols)
		kernel.MulPairs(c[i*kernel.PanelWidth:], ldc, a, mem, kernel.PanelWidth, false)
	}
}
