package op

import (
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// bf16PairsKV is [f16PairsKV] in bf16: panels of pairs that are multiplied as they
// lie. It is no format of caches; trainings in bf16 attend with it.
type bf16PairsKV struct{ f16PairsKV }

func (bf16PairsKV) encode(dst []byte, x []float32) { kernel.F32ToBF16(dst, x) }

func (bf16PairsKV) room(rows, headDim int) int {
	return multiple(rows, kernel.BlockRows) * max(headDim, KVBlock) / 2
}

func (bf16PairsKV) scores(c []float32, ldc int, q queries, keys kernel.Strips, mem []float32) {
	pairs := blockPairs(mem, q.Rows, q.Cols/2)
	copy(pairs.Data, q.formed)
	mulPairs(c, ldc, q.Rows, pairs, keys)
}

func (bf16PairsKV) sums(c []float32, ldc int, p kernel.Mat, values kernel.Strips, mem []float32) {
	pairs := blockPairs(mem, p.Rows, (p.Cols+1)/2)
	kernel.RoundPairs(part(pairs, 0, p.Rows, 0, pairs.Cols), p)
	mulPairs(c, ldc, p.Rows, pairs, values)
}

// blockPairs returns whole blocks for the pairs of so many rows.
func blockPairs(mem []float32, rows, cols int) kernel.Mat {
	rows = multiple(rows, kernel.BlockRows)
	return kernel.Dense(mem[:rows*cols], rows, cols)
}

// mulPairs multiplies the first rows of a by panels.
func mulPairs(c []float32, ldc, rows int, a kernel.Mat, panels kernel.Strips) {
	kernel.MulBlockPairs(c, ldc, rows, a, dtype.Floats(panels.Data), panels.Apart/floatBytes, panels.N*kernel.PanelWidth, false)
}
