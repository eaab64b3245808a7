package kernel

import "fmt"

// FewRows is the number of rows up to which [MulHalves] is faster than
// [MulPanel] on a panel that is decoded first.
const FewRows = 12

// mulHalves is the routine in use; the dispatcher replaces it.
var mulHalves = mulHalvesGeneric

// MulHalves multiplies a, whose rows are contiguous, by panels of 16 columns in
// f16, little endian, apart elements apart, of a.Cols rows each:
//
//	for i, j: for k := range a.Cols { c[i*ldc+j] = fma(a[i, k], b[j/16*apart+k*16+j%16], c[i*ldc+j]) }
//
// for j < 16·panels, where c starts from 0: the bits of [MulPanel] on decoded
// panels.
func MulHalves(c []float32, ldc int, a Mat, b []byte, apart, panels int) {
	a.check("MulHalves")
	cols := panels * PanelWidth
	switch {
	case a.ColStride != 1:
		panic("kernel: MulHalves: rows are not contiguous")
	case a.Rows == 0 || panels <= 0:
		return
	case ldc < cols && a.Rows > 1 || len(c) < (a.Rows-1)*ldc+cols:
		panic("kernel: MulHalves: the product is too short")
	case apart < 0 || len(b) < 2*((panels-1)*apart+a.Cols*PanelWidth):
		panic(fmt.Sprintf("kernel: MulHalves: %d bytes for %d panels of %d rows, %d apart", len(b), panels, a.Cols, apart))
	}
	mulHalves(c, ldc, a, b, apart, panels)
}

func mulHalvesGeneric(c []float32, ldc int, a Mat, b []byte, apart, panels int) {
	for p := range panels {
		panel := b[2*p*apart:]
		for i := range a.Rows {
			var sum, y [PanelWidth]float32
			for k, x := range a.Data[i*a.RowStride:][:a.Cols] {
				f16ToF32Generic(y[:], panel[2*PanelWidth*k:])
				for j, v := range y {
					sum[j] += float32(x * v)
				}
			}
			copy(c[i*ldc+p*PanelWidth:], sum[:])
		}
	}
}
