//go:build !amd64 || purego

package kernel

func (f *x16) matMulFast(y []float32, ldy int, x []Q8Block, n int, packed []byte, rows, cols, lo, hi int) bool {
	return false
}
