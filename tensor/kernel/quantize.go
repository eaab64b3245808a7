package kernel

import "math"

// BlockLen is the number of columns that share a scale in [Q8Block] and in the
// packed layouts.
const BlockLen = 32

const (
	// A block whose largest magnitude is below 2⁻¹⁰⁰ becomes zero: 127 divided
	// by it could overflow.
	tinyBits = (127 - 100) << 23

	infBits = 0x7f800000

	// Adding 1.5·2²³ rounds a float32 of magnitude below 2²² to the nearest
	// integer, ties to even, and leaves it in the low bits.
	roundMagic = 3 << 22
)

// QuantizeRow rounds x to int8, 32 elements a block: D = max|x|/127,
// Q = round(x·(127/max|x|)), ties to even, Sum = ΣQ,
// DSum = D·Sum. len(x) is a multiple of 32 and dst holds at least len(x)/32 blocks.
//
// A block with a NaN or an infinity has D = DSum = NaN and Q = 0, so that every
// product with it is NaN.
func QuantizeRow(dst []Q8Block, x []float32) {
	if len(x)%BlockLen != 0 {
		panic("kernel: QuantizeRow: the row does not fill blocks of 32")
	}
	if len(dst) < len(x)/BlockLen {
		panic("kernel: QuantizeRow: dst shorter than x")
	}
	quantizeRow(dst, x)
}

func quantizeRowGeneric(dst []Q8Block, x []float32) {
	for b := range len(x) / BlockLen {
		quantizeBlock(&dst[b], (*[BlockLen]float32)(x[b*BlockLen:]))
	}
}

func quantizeBlock(dst *Q8Block, x *[BlockLen]float32) {
	// Magnitudes compare as integers, NaN above infinity above the rest.
	var top uint32
	for _, v := range x {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	*dst = Q8Block{}
	if top >= infBits {
		dst.D = float32(math.NaN())
		dst.DSum = dst.D
		return
	}
	if top < tinyBits {
		return
	}
	amax := math.Float32frombits(top)
	dst.D = amax / 127
	inv := 127 / amax
	for i, v := range x {
		q := int32(math.Float32bits(float32(v*inv)+roundMagic)) - roundMagicBits
		dst.Q[i] = int8(q)
		dst.Sum += q
	}
	dst.DSum = dst.D * float32(dst.Sum)
}

const roundMagicBits = 0x4b400000 // roundMagic as a float32
