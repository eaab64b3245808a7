package dtype

import (
	"math"

	"limbeck/tensor/kernel"
)

// BF16 is the upper half of a binary32, little endian.
//
//	OFFSET  SIZE  FIELD
//	     0     2  the element: sign, 8 bits of exponent, 7 of mantissa
var BF16 = register(Type{
	Name: "bf16", GGUF: 30, Len: 1, Size: 2,
	exponents: exponentsAt(wideExponent, 0),
	Decode:    kernel.BF16ToF32,
	Encode:    kernel.F32ToBF16,
	Fast:      kernel.BF16x16,
})

// BF16ToF32 returns the value of a bfloat16, exactly.
func BF16ToF32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// F32ToBF16 returns the nearest bfloat16, of two equally near ones the even
// one. A NaN stays one and becomes quiet.
func F32ToBF16(v float32) uint16 {
	b := math.Float32bits(v)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + b>>16&1 + 0x7fff) >> 16)
}
