package op

import (
	"encoding/binary"

	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

func init() { registerKV(dtype.F16, f16For) }

// f16For returns how heads of so many channels lie in f16: in pairs of bf16, which are
// as large, where products of them are faster, if the channels are.
func f16For(headDim int) kvLayout {
	if kernel.FastPairs() && headDim%2 == 0 {
		return pairsKV{}
	}
	return f16KV{}
}

// f16KV rounds keys and values to binary16, in the panels of [f32KV]. Products
// decode them, which is exact, and multiply in f32. A magnitude above 65,504
// becomes 65,504: an infinity would also spoil sums in which its weight is 0.
type f16KV struct{}

func (f16KV) form() *kernel.Activations { return nil }

func (f16KV) strip() int { return kernel.PanelWidth }

func (f16KV) room(_, headDim int) int { return max(headDim, KVBlock) * kernel.PanelWidth }

func (f16KV) encode(dst []byte, x []float32) {
	if kernel.F32ToF16(dst, x); mayExceed(x, f16Greatest) {
		saturate(dst, f16Exponent)
	}
}

// Of halves, the bits of the exponent and the greatest finite one.
const (
	f16Exponent  = 0x7c00
	f16Greatest  = 65504
	bf16Exponent = 0x7f80
	bf16Greatest = 0x1.fep127
)

// mayExceed reports whether a magnitude in x may be above most, or is no number.
func mayExceed(x []float32, most float64) bool {
	return !(float64(kernel.SumSquares(x)) <= most*most)
}

// saturate makes infinite halves, whose exponent has these bits, the greatest finite
// ones of their sign.
func saturate(halves []byte, exponent uint16) {
	const (
		each     = 0x0001_0001_0001_0001
		wordSize = 8
	)
	mask, lowest := uint64(exponent)*each, uint64(exponent&-exponent)*each
	le := binary.LittleEndian
	for len(halves) > 0 {
		word := halves[:min(wordSize, len(halves))]
		halves = halves[len(word):]
		// An exponent of ones carries into its sign.
		if len(word) == wordSize && (le.Uint64(word)&mask+lowest)&(0x8000*each) == 0 {
			continue
		}
		for ; len(word) > 0; word = word[halfBytes:] {
			if h := le.Uint16(word); h&0x7fff == exponent {
				le.PutUint16(word, h-1)
			}
		}
	}
}

func (c f16KV) put(s *kvShape, group []byte, values kernel.Strips, k, v kernel.Mat, pos int, mem []float32) {
	s.putRows(c, group, values, k, v, pos, mem)
}

func (f16KV) putKeys(group []byte, keys encoded, lane int) {
	const apart = halfBytes * kernel.PanelWidth // from a channel to the next
	le := binary.LittleEndian
	for i := range keys.n {
		row, at := keys.row(i), halfBytes*(lane+i)
		for ; len(row) >= 4*halfBytes; row, at = row[4*halfBytes:], at+4*apart {
			four, to := le.Uint64(row), group[at:at+3*apart+halfBytes]
			le.PutUint16(to, uint16(four))
			le.PutUint16(to[apart:], uint16(four>>16))
			le.PutUint16(to[2*apart:], uint16(four>>32))
			le.PutUint16(to[3*apart:], uint16(four>>48))
		}
		for ; len(row) > 0; row, at = row[halfBytes:], at+apart {
			le.PutUint16(group[at:], le.Uint16(row))
		}
	}
}

func (f16KV) scores(c []float32, ldc int, q queries, keys kernel.Strips, mem []float32) {
	mulStrips(kernel.F16Strip, c, ldc, q.Mat, keys, mem)
}

func (f16KV) sums(c []float32, ldc int, p kernel.Mat, values kernel.Strips, mem []float32) {
	mulStrips(kernel.F16Strip, c, ldc, p, values, mem)
}

// mulStrips multiplies a by strips. Many rows multiply a strip that has been decoded
// to mem, few decode as they go: the bits are the same.
func mulStrips(s *kernel.Strip, c []float32, ldc int, a kernel.Mat, b kernel.Strips, mem []float32) {
	if a.Rows <= kernel.FewRows {
		s.Mul(c, ldc, a, b)
		return
	}
	for i := range b.N {
		s.Decode(mem, b.Data[i*b.Apart:], a.Cols)
		mulPanels(c[i*s.Width:], ldc, a, kernel.Strips{
			Data: dtype.FloatBytes(mem), Apart: a.Cols * kernel.PanelWidth * floatBytes, N: s.Width / kernel.PanelWidth})
	}
}
