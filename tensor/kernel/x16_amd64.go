//go:build !purego

package kernel

import "unsafe"

//go:generate sh -c "cd gen && go run ./int8 -out ../x16_amd64.s -stubs ../x16_stubs_amd64.go -pkg kernel"

func quantizeRow(dst []Q8Block, x []float32) {
	if current < tierAVX2 || len(x) == 0 {
		quantizeRowGeneric(dst, x)
		return
	}
	quantizeRowAVX2((*byte)(unsafe.Pointer(&dst[0])), &x[0], len(x)/BlockLen)
}

// decodePanelFast is decodePanelGeneric by assembly. It reports false if this
// processor has none.
func (f *x16) decodePanelFast(dst []float32, packed []byte, cols, group int) bool {
	if current < tierAVX2 || cols == 0 {
		return false
	}
	blocks := cols / BlockLen
	w := &packed[group*blocks*f.block()]
	switch f.id {
	case idQ4_0:
		q4_0x16panel(&dst[0], w, blocks)
	case idQ4_1:
		q4_1x16panel(&dst[0], w, blocks)
	case idQ5_0:
		q5_0x16panel(&dst[0], w, blocks)
	case idQ5_1:
		q5_1x16panel(&dst[0], w, blocks)
	case idQ8_0:
		q8_0x16panel(&dst[0], w, blocks)
	default:
		panic("kernel: no panel of this format")
	}
	return true
}

// matMulFast is matMulGeneric by assembly. It reports false if this processor
// has none.
func (f *x16) matMulFast(y []float32, ldy int, x []Q8Block, n int, packed []byte, rows, cols, lo, hi int) bool {
	if current < tierAVX2 || cols == 0 {
		return false
	}
	if current >= tierAVX512 {
		f.matMulAVX512(y, ldy, x, n, packed, rows, cols, lo, hi)
	} else {
		f.matMulAVX2(y, ldy, x, n, packed, rows, cols, lo, hi)
	}
	return true
}

func (f *x16) matMulAVX2(y []float32, ldy int, x []Q8Block, n int, packed []byte, rows, cols, lo, hi int) {
	blocks := cols / BlockLen
	size := blocks * f.block()
	whole := min(hi, rows/GroupRows) // groups without padding
	if n == 1 {
		if lo < whole {
			f.tile(1, y[lo*GroupRows:], ldy, x, packed[lo*size:], blocks, whole-lo)
		}
		lo = max(lo, whole)
	}
	for g := lo; g < hi; g++ {
		row := g * GroupRows
		w := packed[g*size:]
		for i := 0; i < n; {
			step := tileRows(n - i)
			out, in := y[i*ldy+row:], x[i*blocks:]
			if g < whole {
				f.tile(step, out, ldy, in, w, blocks, 1)
			} else {
				f.tileCut(step, out, ldy, in, w, blocks, rows-row)
			}
			i += step
		}
	}
}

// tileRows returns how many of the n activation rows left the next kernel takes.
func tileRows(n int) int {
	switch {
	case n >= 4:
		return 4
	case n >= 2:
		return 2
	}
	return 1
}

// tileCut computes the last group, of which only width rows exist.
func (f *x16) tileCut(n int, y []float32, ldy int, x []Q8Block, w []byte, blocks, width int) {
	var out [4 * GroupRows]float32
	f.tile(n, out[:], GroupRows, x, w, blocks, 1)
	for i := range n {
		copy(y[i*ldy:i*ldy+width], out[i*GroupRows:])
	}
}

// tile multiplies n activation rows, 1, 2 or 4, by whole groups.
func (f *x16) tile(n int, y []float32, ldy int, x []Q8Block, w []byte, blocks, groups int) {
	const float, block = int(unsafe.Sizeof(y[0])), int(unsafe.Sizeof(x[0]))
	out, ldout := &y[0], ldy*float
	in, ldin := (*byte)(unsafe.Pointer(&x[0])), blocks*block
	q := &w[0]
	switch f.id<<3 | n {
	case idQ4_0<<3 | 1:
		q4_0x16n1(out, ldout, in, ldin, q, blocks, groups)
	case idQ4_0<<3 | 2:
		q4_0x16n2(out, ldout, in, ldin, q, blocks, groups)
	case idQ4_0<<3 | 4:
		q4_0x16n4(out, ldout, in, ldin, q, blocks, groups)
	case idQ4_1<<3 | 1:
		q4_1x16n1(out, ldout, in, ldin, q, blocks, groups)
	case idQ4_1<<3 | 2:
		q4_1x16n2(out, ldout, in, ldin, q, blocks, groups)
	case idQ4_1<<3 | 4:
		q4_1x16n4(out, ldout, in, ldin, q, blocks, groups)
	case idQ5_0<<3 | 1:
		q5_0x16n1(out, ldout, in, ldin, q, blocks, groups)
	case idQ5_0<<3 | 2:
		q5_0x16n2(out, ldout, in, ldin, q, blocks, groups)
	case idQ5_0<<3 | 4:
		q5_0x16n4(out, ldout, in, ldin, q, blocks, groups)
	case idQ5_1<<3 | 1:
		q5_1x16n1(out, ldout, in, ldin, q, blocks, groups)
	case idQ5_1<<3 | 2:
		q5_1x16n2(out, ldout, in, ldin, q, blocks, groups)
	case idQ5_1<<3 | 4:
		q5_1x16n4(out, ldout, in, ldin, q, blocks, groups)
	case idQ8_0<<3 | 1:
		q8_0x16n1(out, ldout, in, ldin, q, blocks, groups)
	case idQ8_0<<3 | 2:
		q8_0x16n2(out, ldout, in, ldin, q, blocks, groups)
	case idQ8_0<<3 | 4:
		q8_0x16n4(out, ldout, in, ldin, q, blocks, groups)
	default:
		panic("kernel: no tile of this height")
	}
}
