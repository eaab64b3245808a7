// Package kernel holds the inner loops: slices in, slices out, no allocation,
// no knowledge of tensors. A loop lives beside its gradient; a SIMD version
// lives beside its generic twin and must agree with it.
//
// Generic loops round a product before they add it: a conversion around it keeps
// the compiler from fusing the two, as it does on some machines only.
package kernel

// A Mat views float32s as a matrix: element (i, j) is Data[i*RowStride+j*ColStride].
type Mat struct {
	Data                 []float32
	Rows, Cols           int
	RowStride, ColStride int
}

// T returns m transposed, over the same data.
func (m Mat) T() Mat {
	return Mat{m.Data, m.Cols, m.Rows, m.ColStride, m.RowStride}
}

// Dense views v as a row-major matrix.
func Dense(v []float32, rows, cols int) Mat { return Mat{v, rows, cols, cols, 1} }
