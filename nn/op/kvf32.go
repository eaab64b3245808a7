package op

import (
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

func init() { registerKV(dtype.F32, anyHeads(f32KV{})) }

// f32KV keeps keys and values as they are, in panels that are multiplied as
// they lie:
//
//	group of keys:    [headDim][16]   16 positions a row
//	strip of values:  [room][16]      16 channels a row
type f32KV struct{}

func (f32KV) form() *kernel.Activations { return nil }

func (f32KV) strip() int { return kernel.PanelWidth }

func (f32KV) room(_, _ int) int { return 0 }

func (f32KV) encode(dst []byte, x []float32) { copy(dtype.Floats(dst), x) }

func (c f32KV) put(s *kvShape, group []byte, values kernel.Strips, k, v kernel.Mat, pos int, mem []float32) {
	s.putRows(c, group, values, k, v, pos, mem)
}

// putKeys loses what stands beyond keys that are a group's first.
func (f32KV) putKeys(group []byte, keys encoded, lane int) {
	const w = kernel.PanelWidth
	to := dtype.Floats(group)
	if lane == 0 && keys.n > w/2 {
		from := kernel.Mat{Data: dtype.Floats(keys.data), Rows: keys.n, Cols: keys.size / floatBytes, RowStride: keys.apart / floatBytes, ColStride: 1}
		kernel.PackPanels(to, from.T(), 0, 1)
		return
	}
	for i := range keys.n {
		for k, x := range dtype.Floats(keys.row(i)) {
			to[k*w+lane+i] = x
		}
	}
}

func (f32KV) scores(c []float32, ldc int, q queries, keys kernel.Strips, _ []float32) {
	mulPanels(c, ldc, q.Mat, keys)
}

func (f32KV) sums(c []float32, ldc int, p kernel.Mat, values kernel.Strips, _ []float32) {
	mulPanels(c, ldc, p, values)
}

const floatBytes = 4

// mulPanels multiplies a by strips that are panels.
func mulPanels(c []float32, ldc int, a kernel.Mat, panels kernel.Strips) {
	const w = kernel.PanelWidth
	panels.Fetch(0, a.Cols*w*floatBytes)
	kernel.MulPanels(c, ldc, a, dtype.Floats(panels.Data), panels.Apart/floatBytes, panels.N*w, false)
}
