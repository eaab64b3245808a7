package dtype

import (
	"math"

	"limbeck/tensor/kernel"
)

// F16 is IEEE 754 binary16, little endian.
//
//	OFFSET  SIZE  FIELD
//	     0     2  the element: sign, 5 bits of exponent, 10 of mantissa
var F16 = register(Type{
	Name: "f16", GGUF: 1, Len: 1, Size: 2,
	exponents: exponentsAt(halfExponent, 0),
	Decode:    kernel.F16ToF32,
	Encode:    kernel.F32ToF16,
	Fast:      kernel.F16x16,
})

// F16ToF32 returns the value of a binary16, exactly.
func F16ToF32(h uint16) float32 {
	sign, rest := uint32(h>>15)<<31, uint32(h&0x7fff)
	if rest >= 0x7c00 { // infinite or not a number
		return math.Float32frombits(sign | 0x7f800000 | rest<<13)
	}
	// With the fields in binary32's places the exponent's bias is wrong by
	// 127−15 = 112; the product mends it, and normalizes a subnormal.
	v := math.Float32frombits(rest<<13) * 0x1p112
	return math.Float32frombits(sign | math.Float32bits(v))
}

// F32ToF16 returns the nearest binary16, of two equally near ones the even
// one. Beyond 65,520 it is infinite; a NaN becomes the quiet one of its sign.
func F32ToF16(v float32) uint16 {
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00
	case b >= 0x47800000: // 2¹⁶
		return sign | 0x7c00
	case b < 0x38800000: // 2⁻¹⁴: subnormal
		// In [0.5, 1) a float32's step is 2⁻²⁴, as a subnormal binary16's is:
		// the addition rounds.
		const half = 0x3f000000
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-half)
	}
	b += b>>13&1 + 0xfff // rounds; a carry runs into the exponent, as it should
	return sign | uint16((b-112<<23)>>13)
}
