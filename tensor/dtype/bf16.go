package dtype

import (
	"encoding/binary"
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
	Decode:    decodeBF16,
	Encode:    encodeBF16,
	Fast:      kernel.BF16x16,
})

func decodeBF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = BF16ToF32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func encodeBF16(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], F32ToBF16(v))
	}
}

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
