package kernel

import (
	"math"
	"unsafe"
)

// BlockLen is the number of columns that share a scale in [Q8Block], and in the packed
// layouts of formats whose blocks have so many.
const BlockLen = 32

// Q8 is the form of activations in blocks of 32 int8, each with a scale.
var Q8 = &Activations{
	Len: BlockLen, Size: int(unsafe.Sizeof(Q8Block{})) / wordBytes,
	Quantize: func(dst, x []float32) { QuantizeRow(blocksIn[Q8Block](dst), x) },
}

// A Q8Block holds 32 activations as int8: x ≈ D·Q. Sum is ΣQ, DSum
// is D·Sum ≈ Σx.
type Q8Block struct {
	D    float32
	Sum  int32
	DSum float32
	Q    [BlockLen]int8
}

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

// vectorQuantize is whether activations are rounded by assembly; the dispatcher
// sets it. It is no function variable, since what those are given moves to the
// heap: caches round rows to a block on the stack.
var vectorQuantize bool

func quantizeRowGeneric(dst []Q8Block, x []float32) {
	for b := range len(x) / BlockLen {
		quantizeBlock(&dst[b], (*[BlockLen]float32)(x[b*BlockLen:]))
	}
}

func quantizeBlock(dst *Q8Block, x *[BlockLen]float32) {
	*dst = Q8Block{}
	d, inv := int8Scale(x[:])
	dst.D = d
	if inv == 0 {
		dst.DSum = d
		return
	}
	for i, v := range x {
		q := toInt8(v, inv)
		dst.Q[i] = int8(q)
		dst.Sum += q
	}
	dst.DSum = dst.D * float32(dst.Sum)
}

// int8Scale returns max|x|/127 and its inverse. The inverse is 0 where every
// level is to be 0: d is then 0 too or, with a NaN or an infinity in x, NaN.
func int8Scale(x []float32) (d, inverse float32) {
	// Magnitudes compare as integers, NaN above infinity above the rest.
	var top uint32
	for _, v := range x {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	switch {
	case top >= infBits:
		return float32(math.NaN()), 0
	case top < tinyBits:
		return 0, 0
	}
	amax := math.Float32frombits(top)
	return amax / 127, 127 / amax
}

// toInt8 returns v·inverse, a number of at most 127, to the nearest integer.
func toInt8(v, inverse float32) int32 {
	return int32(math.Float32bits(float32(v*inverse)+roundMagic)) - roundMagicBits
}

const roundMagicBits = 0x4b400000 // roundMagic as a float32
