package dtype

import (
	"math"

	"limbeck/tensor/kernel"
)

// Q8_0 is one scale for 32 elements of 8 bits: x = d·q.
//
//	OFFSET  SIZE  FIELD
//	     0     2  d, f16
//	     2    32  q, int8, one an element
//
// It has no weighted search: llama.cpp has none, and at 8 bits there is next to
// nothing to gain.
var Q8_0 = register(Type{
	Name: "q8_0", GGUF: 8, Len: block, Size: 34,
	exponents: exponentsAt(halfExponent, 0),
	Decode:    decodeQ8_0,
	Encode:    encodeQ8_0,
	Fast:      kernel.Q8_0x16,
})

func decodeQ8_0(dst []float32, src []byte) {
	if !kernel.DecodeQ8_0(dst, src) {
		decodeQ8_0Generic(dst, src)
	}
}

func decodeQ8_0Generic(dst []float32, src []byte) {
	for i := range len(dst) / block {
		x, b := (*[block]float32)(dst[i*block:]), (*[34]byte)(src[i*34:])
		d := getF16(b[:2])
		for j := range x {
			x[j] = d * float32(int8(b[2+j]))
		}
	}
}

func encodeQ8_0(dst []byte, src []float32) {
	if !kernel.EncodeQ8_0(dst, src) {
		encodeQ8_0Generic(dst, src)
	}
}

func encodeQ8_0Generic(dst []byte, src []float32) {
	for i := range len(src) / block {
		x, b := (*[block]float32)(src[i*block:]), (*[34]byte)(dst[i*34:])
		d := float32(math.Abs(float64(largest(x)))) / 127
		id := inverse(d)
		putF16(b[:2], d)
		for j, v := range x {
			b[2+j] = byte(round8(v * id))
		}
	}
}

// round8 rounds to the nearest integer, halves away from 0. What is not
// finite becomes 0.
func round8(v float32) int8 {
	if !(v >= -128 && v <= 128) {
		return 0
	}
	return int8(int32(float64(v) + math.Copysign(0.5, float64(v)))) // exact in float64
}
