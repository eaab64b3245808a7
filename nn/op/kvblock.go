package op

import (
	"limbeck/tensor/kernel"
)

// blockKV keeps keys and values in a format with one scale for 32 channels. A
// group of keys is a packed layout's group of rows, which multiplies queries
// rounded to int8; a strip of values is one block of each position, which is
// decoded and multiplied in f32:
//
//	group of keys:    [headDim/32] packed blocks of 16 positions
//	strip of values:  [room] blocks
type blockKV struct {
	kvRows
	layout *kernel.Layout
	values *kernel.Strip
	round  func(dst []byte, x []float32)
}

func (f *blockKV) strip() int { return f.values.Width }

func (f *blockKV) form() *kernel.Activations { return f.layout.X }

func (f *blockKV) room(_, _ int) int { return f.values.Width * KVBlock }

func (f *blockKV) encode(dst []byte, x []float32) { f.round(dst, x) }

func (f *blockKV) putKeys(group []byte, keys encoded, lane int) {
	for i := range keys.n {
		f.layout.PackRow(group, keys.row(i), lane+i)
	}
}

func (f *blockKV) scores(c []float32, ldc int, q queries, keys []byte, groups int, _ []float32) {
	f.layout.MatMul(c, ldc, q.formed, q.Rows, keys, groups*kernel.GroupRows, q.Cols, 0, groups)
}

func (f *blockKV) sums(c []float32, ldc int, p kernel.Mat, values []byte, room, strips int, mem []float32) {
	mulStrips(f.values, c, ldc, p, values, room, strips, mem)
}
