package op

import (
	"encoding/binary"
	"slices"

	"limbeck/tensor/kernel"
)

// blockKV keeps keys and values in a format with one scale for 32 channels. A
// group of keys is a packed layout's group of rows, which multiplies queries
// rounded to int8; a strip of values is one block of each position, which is
// decoded and multiplied in f32. What wants a scale above 65,504 saturates, as in
// [f16KV]:
//
//	group of keys:    [headDim/32] packed blocks of 16 positions
//	strip of values:  [room] blocks
type blockKV struct {
	layout *kernel.Layout
	values *kernel.Strip
	round  func(dst []byte, x []float32)
	levels float32 // by which the scale is multiplied at most
}

func (f *blockKV) strip() int { return f.values.Width }

func (f *blockKV) form() *kernel.Activations { return f.layout.X }

func (f *blockKV) room(_, _ int) int { return f.values.Width * KVBlock }

func (f *blockKV) encode(dst []byte, x []float32) {
	f.round(dst, x)
	const exponent = 0x7c00
	size := kernel.BlockLen * len(dst) / len(x)
	for ; len(dst) > 0; dst, x = dst[size:], x[kernel.BlockLen:] {
		if binary.LittleEndian.Uint16(dst)&exponent == exponent {
			f.saturate(dst[:size], x[:kernel.BlockLen])
		}
	}
}

// saturate encodes a block whose scale has come out infinite or NaN.
func (f *blockKV) saturate(dst []byte, x []float32) {
	x = slices.Clone(x)
	most := f.levels * f16Greatest
	for i, v := range x {
		x[i] = max(-most, min(v, most))
	}
	f.round(dst, x)
}

func (f *blockKV) put(s *kvShape, group []byte, values kernel.Strips, k, v kernel.Mat, pos int, mem []float32) {
	s.putRows(f, group, values, k, v, pos, mem)
}

func (f *blockKV) putKeys(group []byte, keys encoded, lane int) {
	for i := range keys.n {
		f.layout.PackRow(group, keys.row(i), lane+i)
	}
}

func (f *blockKV) scores(c []float32, ldc int, q queries, keys kernel.Strips, _ []float32) {
	keys.Fetch(0, keys.Apart)
	f.layout.MatMul(c, ldc, q.formed, q.Rows, keys.Data, keys.N*kernel.GroupRows, q.Cols, 0, keys.N)
}

func (f *blockKV) sums(c []float32, ldc int, p kernel.Mat, values kernel.Strips, mem []float32) {
	mulStrips(f.values, c, ldc, p, values, mem)
}
