//go:build !purego

package kernel

import "unsafe"

//go:generate sh -c "cd gen && go run ./vnni -out ../x16_avx512_amd64.s -stubs ../x16_avx512_stubs_amd64.go -pkg kernel"

// A tileAVX512 multiplies its number of activation rows by whole groups.
// Strides are in bytes; of each group it writes the outputs whose bit in lanes
// is set.
type tileAVX512 func(y *float32, ldy int, x *byte, ldx int, w *byte, blocks, groups int, lanes uint16)

// tilesAVX512 holds the tiles of a format by height.
var tilesAVX512 = [...][9]tileAVX512{
	idQ4_0: {1: q4_0x16v1, q4_0x16v2, q4_0x16v3, q4_0x16v4, q4_0x16v5, q4_0x16v6, q4_0x16v7, q4_0x16v8},
	idQ4_1: {1: q4_1x16v1, q4_1x16v2, q4_1x16v3, q4_1x16v4, q4_1x16v5, q4_1x16v6, q4_1x16v7, q4_1x16v8},
	idQ5_0: {1: q5_0x16v1, q5_0x16v2, q5_0x16v3, q5_0x16v4, q5_0x16v5, q5_0x16v6, q5_0x16v7, q5_0x16v8},
	idQ5_1: {1: q5_1x16v1, q5_1x16v2, q5_1x16v3, q5_1x16v4, q5_1x16v5, q5_1x16v6, q5_1x16v7, q5_1x16v8},
	idQ8_0: {1: q8_0x16v1, q8_0x16v2, q8_0x16v3, q8_0x16v4, q8_0x16v5, q8_0x16v6, q8_0x16v7, q8_0x16v8},
}

// tallAVX512 returns how many of the n activation rows left the next tile takes.
// It leaves no single row to the last: the tile that takes one is the slowest.
func tallAVX512(n int) int {
	if n > 8 && n < 16 {
		return (n + 1) / 2
	}
	return min(n, 8)
}

// stayBytes of weights stay in the second cache while activation rows pass by.
const stayBytes = 256 << 10

// matMulAVX512 is matMulGeneric by tiles.
func (f *x16) matMulAVX512(y []float32, ldy int, x []Q8Block, n int, packed []byte, rows, cols, lo, hi int) {
	const float, block = int(unsafe.Sizeof(y[0])), int(unsafe.Sizeof(x[0]))
	blocks := cols / BlockLen
	size := blocks * f.block()
	whole := min(hi, rows/GroupRows) // groups without padding
	for g := lo; g < hi; {
		count, lanes := min(whole-g, max(1, stayBytes/size)), ^uint16(0)
		if g == whole {
			count, lanes = 1, 1<<(rows%GroupRows)-1
		}
		for i := 0; i < n; {
			tall := tallAVX512(n - i)
			out, in := &y[i*ldy+g*GroupRows], (*byte)(unsafe.Pointer(&x[i*blocks]))
			tilesAVX512[f.id][tall](out, ldy*float, in, blocks*block, &packed[g*size], blocks, count, lanes)
			i += tall
		}
		g += count
	}
}
