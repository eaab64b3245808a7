package kernel

// F32x16 interleaves format f32: columns of 16 f32, a row each, which are the panels
// of [PackPanels]. Rows may be of any length.
var F32x16 = &Layout{
	Name:  "f32x16",
	Block: 1,
	Bytes: func(rows, cols int) int { return groups(rows) * f32Group(cols) },
	Pack:  packF32,
	DecodeRow: func(dst []float32, packed []byte, cols, row int) {
		panel := f32Panel(packed, cols, row/GroupRows)
		for k := range dst[:cols] {
			dst[k] = panel[k*GroupRows+row%GroupRows]
		}
	},
	DecodePanel: func(dst []float32, packed []byte, cols, group int) {
		copy(dst[:cols*GroupRows], f32Panel(packed, cols, group))
	},
	X:      Floats,
	MatMul: matMulF32,
}

// f32Group returns the bytes of a group.
func f32Group(cols int) int { return cols * GroupRows * wordBytes }

// f32Panel returns the elements of a group.
func f32Panel(packed []byte, cols, group int) []float32 {
	size := f32Group(cols)
	return FloatsIn(packed[group*size : (group+1)*size])
}

func packF32(dst, src []byte, rows, cols, lo, hi int) {
	size := f32Group(cols)
	checkPacked(len(dst), groups(rows)*size, rows, cols, 1, lo, hi)
	PackPanels(FloatsIn(dst[lo*size:hi*size]), Dense(FloatsIn(src), rows, cols).T(), lo, hi)
}

func matMulF32(y []float32, ldy int, x []float32, n int, packed []byte, rows, cols, lo, hi int) {
	checkPacked(len(packed), groups(rows)*f32Group(cols), rows, cols, 1, lo, hi)
	if lo < hi {
		first, size := lo*GroupRows, f32Group(cols)
		MulPanels(y[first:], ldy, Dense(x, n, cols), FloatsIn(packed[lo*size:hi*size]), size/wordBytes, min(hi*GroupRows, rows)-first, false)
	}
}

// A group is a panel.
var _ [GroupRows]struct{} = [PanelWidth]struct{}{}
