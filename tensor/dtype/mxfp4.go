package dtype

import (
	"math"

	"limbeck/tensor/kernel"
)

// MXFP4 is one power of two for 32 floats of 4 bits: x = 2^(e−128)·level(q), the
// levels being twice the floats' values.
//
//	OFFSET  SIZE  FIELD
//	     0     1  e
//	     1    16  q: byte j holds element j in its low 4 bits, j+16 in the high
var MXFP4 = register(Type{
	Name: "mxfp4", GGUF: 39, Len: block, Size: 17,
	notFinite: notFiniteMXFP4,
	Decode:    decodeMXFP4,
	Fast:      kernel.MXFP4x16,
})

func decodeMXFP4(dst []float32, src []byte) {
	for i := range len(dst) / block {
		b := src[i*17:][:17]
		lookUp4((*[block]float32)(dst[i*block:]), (*[16]byte)(b[1:]), kernel.ExponentScale(b[0]), &kernel.MXFP4Levels)
	}
}

// notFiniteMXFP4 returns the first block with an element beyond the largest
// float32: one of the largest scales times a large level.
func notFiniteMXFP4(src []byte) int {
	const largest = 252 // 12·2^(252−128) is finite
	var x [block]float32
	for i := range len(src) / 17 {
		b := src[i*17:][:17]
		if b[0] <= largest {
			continue
		}
		decodeMXFP4(x[:], b)
		for _, v := range x {
			if math.IsInf(float64(v), 0) {
				return i
			}
		}
	}
	return -1
}
