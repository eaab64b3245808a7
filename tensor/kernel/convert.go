package kernel

import (
	"encoding/binary"
	"math"
)

// The routines in use; the dispatcher replaces them.
var (
	f16ToF32  = f16ToF32Generic
	f32ToF16  = f32ToF16Generic
	bf16ToF32 = bf16ToF32Generic
	f32ToBF16 = f32ToBF16Generic
)

// F16ToF32 decodes IEEE 754 binary16, little endian. len(src) = 2·len(dst).
// A NaN stays a NaN and becomes quiet.
func F16ToF32(dst []float32, src []byte) {
	checkHalves(len(dst), len(src))
	f16ToF32(dst, src)
}

func f16ToF32Generic(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = HalfToFloat(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// F32ToF16 encodes IEEE 754 binary16, little endian, rounding to the nearest,
// ties to even. len(dst) = 2·len(src).
func F32ToF16(dst []byte, src []float32) {
	checkHalves(len(src), len(dst))
	f32ToF16(dst, src)
}

func f32ToF16Generic(dst []byte, src []float32) {
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], FloatToHalf(v))
	}
}

// BF16ToF32 decodes bfloat16, the upper half of binary32, little endian.
// len(src) = 2·len(dst).
func BF16ToF32(dst []float32, src []byte) {
	checkHalves(len(dst), len(src))
	bf16ToF32(dst, src)
}

func bf16ToF32Generic(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

// F32ToBF16 encodes bfloat16, little endian, rounding to the nearest, ties to
// even. A NaN becomes quiet. len(dst) = 2·len(src).
func F32ToBF16(dst []byte, src []float32) {
	checkHalves(len(src), len(dst))
	f32ToBF16(dst, src)
}

func f32ToBF16Generic(dst []byte, src []float32) {
	for i, v := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], uint16(toBF16(v)))
	}
}

// toBF16 returns the bits of v rounded to bfloat16.
func toBF16(v float32) uint32 {
	b := math.Float32bits(v)
	if v != v {
		b |= 1 << 22
	} else {
		b += 0x7fff + b>>16&1
	}
	return b >> 16
}

func checkHalves(floats, bytes int) {
	if bytes != 2*floats {
		panic("kernel: a 16-bit format takes 2 bytes a float")
	}
}

// HalfToFloat returns the value of a binary16, exactly. A NaN becomes quiet.
func HalfToFloat(h uint16) float32 {
	sign, rest := uint32(h>>15)<<31, uint32(h&0x7fff)
	if rest >= 0x7c00 { // infinite or not a number
		if rest > 0x7c00 {
			rest |= 0x200
		}
		return math.Float32frombits(sign | 0x7f800000 | rest<<13)
	}
	// With the fields in binary32's places the exponent's bias is wrong by
	// 127−15 = 112; the product mends it, and normalizes a subnormal.
	v := math.Float32frombits(rest<<13) * 0x1p112
	return math.Float32frombits(sign | math.Float32bits(v))
}

// FloatToHalf returns the nearest binary16, of two equally near ones the even one.
// From 65,520 on it is infinite; a NaN becomes quiet and keeps the first bits that
// tell it from others.
func FloatToHalf(v float32) uint16 {
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00 | uint16(b>>13&0x3ff)
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
