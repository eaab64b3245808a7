package kernel

import "unsafe"

// WideLen is the number of columns that share a scale in [Q8Wide].
const WideLen = 256

// Wide is the form of activations in blocks of 256 int8, each with a scale.
var Wide = &Activations{
	Len: WideLen, Size: int(unsafe.Sizeof(Q8Wide{})) / wordBytes,
	Quantize: func(dst, x []float32) { quantizeWideRow(blocksIn[Q8Wide](dst), x) },
}

// A Q8Wide holds 256 activations as int8, in four parts: x ≈ D·Q. Sum32[j] is
// the sum of the j-th 32 of them, Sum16[j] that of the j-th 16.
type Q8Wide struct {
	Part  [WideLen / partLen]WidePart
	D     float32
	Sum32 [WideLen / 32]int16
	Sum16 [WideLen / 16]int16
}

// A WidePart is 64 of the activations. Less[j] is −32 times the sum of their
// j-th 16: where a sum of products with quanta that are 32 above their values
// begins.
type WidePart struct {
	Q    [partLen]int8
	Less [partLen / 16]int32
}

const partLen = 64

// At returns the i-th activation's level.
func (b *Q8Wide) At(i int) int8 { return b.Part[i/partLen].Q[i%partLen] }

// quantizeWideRow rounds x to int8, 256 elements a block, as [QuantizeRow] rounds
// 32. len(x) is a multiple of 256 and dst holds at least len(x)/256 blocks.
//
// A block with a NaN or an infinity has D = NaN and Q = 0, so that every
// product with it is NaN.
func quantizeWideRow(dst []Q8Wide, x []float32) {
	if len(x)%WideLen != 0 {
		panic("kernel: quantizeWideRow: the row does not fill blocks of 256")
	}
	if len(dst) < len(x)/WideLen {
		panic("kernel: quantizeWideRow: dst shorter than x")
	}
	quantizeWide(dst, x)
}

func quantizeWideGeneric(dst []Q8Wide, x []float32) {
	for b := range len(x) / WideLen {
		quantizeWideBlock(&dst[b], (*[WideLen]float32)(x[b*WideLen:]))
	}
}

func quantizeWideBlock(dst *Q8Wide, x *[WideLen]float32) {
	*dst = Q8Wide{}
	d, inverse := int8Scale(x[:])
	dst.D = d
	if inverse == 0 {
		return
	}
	for i, v := range x {
		q := toInt8(v, inverse)
		part := &dst.Part[i/partLen]
		part.Q[i%partLen] = int8(q)
		part.Less[i%partLen/16] -= 32 * q
		dst.Sum32[i/32] += int16(q)
		dst.Sum16[i/16] += int16(q)
	}
}
