package op

import (
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

func init() { registerKV(dtype.F16, f16KV{}) }

// f16KV rounds keys and values to binary16, in the panels of [f32KV]. Products
// decode them, which is exact, and multiply in f32. A magnitude above 65,504
// becomes infinite.
type f16KV struct{}

func (f16KV) strip() int { return kernel.PanelWidth }

func (f16KV) encode(dst []byte, x []float32) { kernel.F32ToF16(dst, x) }

func (f16KV) putKey(group, key []byte, lane int) {
	for i := 0; i < len(key); i += 2 {
		at := i*kernel.PanelWidth + 2*lane
		group[at], group[at+1] = key[i], key[i+1]
	}
}

func (f16KV) scores(c []float32, ldc int, q queries, keys []byte, groups int, mem []float32) {
	mulHalves(c, ldc, q.Mat, keys, q.Cols, groups, mem)
}

func (f16KV) sums(c []float32, ldc int, p kernel.Mat, values []byte, room, strips int, mem []float32) {
	mulHalves(c, ldc, p, values, room, strips, mem)
}

// mulHalves is [mulPanels] for panels of f16. Many rows multiply a panel that
// has been decoded to mem, few decode as they go: the bits are the same.
func mulHalves(c []float32, ldc int, a kernel.Mat, panels []byte, room, n int, mem []float32) {
	const w = kernel.PanelWidth
	if a.Rows <= kernel.FewRows {
		kernel.MulHalves(c, ldc, a, panels, room*w, n)
		return
	}
	panel := mem[:a.Cols*w]
	for i := range n {
		kernel.F16ToF32(panel, panels[2*i*room*w:][:2*len(panel)])
		kernel.MulPanel(c[i*w:], ldc, a, panel, w, false)
	}
}
