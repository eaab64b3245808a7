package quantize

import (
	"limbeck/model"
	"limbeck/tensor/dtype"
)

// SetAware makes m's trainable matrices learn as [Write] will store them, rounded
// to nearest: what a step of the training moves is a master copy in f32, and what
// products see is the rounded one. Quantization-aware training: Jacob et al.
// 2018, arXiv:1712.05877, sect. 3. Once trained, rounding costs nothing more.
func (o *Options) SetAware(m *model.Model) {
	for _, w := range m.Weights() {
		if f := o.format(w); w.Grad != nil && f != dtype.F32 {
			w.SetRounded(f)
		}
	}
}
