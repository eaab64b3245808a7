//go:build !amd64 || purego

package kernel

func quantizeRow(dst []Q8Block, x []float32) { quantizeRowGeneric(dst, x) }

func (f *x16) decodePanelFast(dst []float32, packed []byte, cols, group int) bool { return false }

func (f *x16) matMulFast(y []float32, ldy int, x []Q8Block, n int, packed []byte, rows, cols, lo, hi int) bool {
	return false
}
