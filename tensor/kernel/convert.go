package kernel

import (
	"encoding/binary"
	"math"
	"unsafe"
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
		dst[i] = halfToFloat(binary.LittleEndian.Uint16(src[2*i:]))
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
		binary.LittleEndian.PutUint16(dst[2*i:], floatToHalf(v))
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

// floatBits views floats as their bytes.
func floatBits(v []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

func checkHalves(floats, bytes int) {
	if bytes != 2*floats {
		panic("kernel: a 16-bit format takes 2 bytes a float")
	}
}

// halfToFloat returns the value of the binary16 h.
func halfToFloat(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	mag := uint32(h & 0x7fff)
	switch {
	case mag > 0x7c00: // NaN
		return math.Float32frombits(sign | 0x7fc00000 | mag<<13)
	case mag == 0x7c00:
		return math.Float32frombits(sign | 0x7f800000)
	case mag < 0x400: // zero or subnormal: mag · 2^-24, exactly
		f := float32(mag) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | (mag<<13 + (127-15)<<23))
}

// floatToHalf returns f rounded to binary16.
func floatToHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN: keep the payload's top, make it quiet
		return sign | 0x7e00 | uint16(b>>13&0x3ff)
	case b >= 0x477ff000: // 65520 and more round to infinity
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: adding 0.5 leaves the subnormal's bits
		// at the end of the significand, rounded to even.
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	b += 0xfff + b>>13&1
	return sign | uint16(b>>13-(127-15)<<10)
}
