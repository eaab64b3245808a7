package kernel

import "fmt"

// F16PairBytes is the size of a row of a strip of pairs in f16.
const F16PairBytes = 4 * PanelWidth

// The routines in use; the dispatcher replaces them.
var (
	mulF16Pairs    = mulF16PairsDecoded
	decodeF16Pairs = decodeF16PairsGeneric
)

// MulF16Pairs multiplies the pairs of a, whose rows are contiguous, by strips of
// 16 columns in f16, in which two rows lie side by side:
//
//	b.Data[p*b.Apart+4*(16*k+j):] = b[2k, 16p+j], b[2k+1, 16p+j]
//
// rounded to bf16 as they are multiplied. The bits are those of [MulPairs] on
// panels that [DecodeF16Pairs] made, which is faster for more than [FewRows].
func MulF16Pairs(c []float32, ldc int, a Mat, b Strips) {
	if b.check("MulF16Pairs", c, ldc, a, PanelWidth, F16PairBytes) {
		mulF16Pairs(c, ldc, a, b)
	}
}

// DecodeF16Pairs writes n rows of a strip of pairs in f16 as a panel of pairs of
// bf16, rounded to the nearest, ties to even.
func DecodeF16Pairs(dst []float32, b []byte, n int) {
	if n < 0 || len(dst) < n*PanelWidth || len(b) < n*F16PairBytes {
		panic(fmt.Sprintf("kernel: DecodeF16Pairs: %d rows of %d bytes to %d floats", n, len(b), len(dst)))
	}
	if n > 0 {
		decodeF16Pairs(dst, b, n)
	}
}

// mulF16PairsDecoded decodes some rows of a strip at a time.
func mulF16PairsDecoded(c []float32, ldc int, a Mat, b Strips) {
	const some = 32
	var panel [some * PanelWidth]float32
	for p := range b.N {
		out := c[p*PanelWidth:]
		for k := 0; k < a.Cols || k == 0; k += some {
			part := Mat{Data: a.Data[min(k, len(a.Data)):], Rows: a.Rows, Cols: min(some, a.Cols-k), RowStride: a.RowStride, ColStride: 1}
			DecodeF16Pairs(panel[:], b.Data[p*b.Apart+k*F16PairBytes:], part.Cols)
			MulPairs(out, ldc, part, panel[:], PanelWidth, k > 0)
		}
	}
}

func decodeF16PairsGeneric(dst []float32, b []byte, n int) {
	for i := range dst[:n*PanelWidth] {
		dst[i] = pair(half(b, 2*i), half(b, 2*i+1))
	}
}
