package dtype

import "limbeck/tensor/kernel"

// IQ4_NL is one scale for 32 elements of 16 uneven levels: x = d·level(q).
//
//	OFFSET  SIZE  FIELD
//	     0     2  d, f16
//	     2    16  q: byte j holds element j in its low 4 bits, j+16 in the high
var IQ4_NL = register(Type{
	Name: "iq4_nl", GGUF: 20, Len: block, Size: 18,
	exponents: exponentsAt(halfExponent, 0),
	Decode:    decodeIQ4_NL,
	Fast:      kernel.IQ4_NLx16,
})

func decodeIQ4_NL(dst []float32, src []byte) {
	for i := range len(dst) / block {
		b := src[i*18:][:18]
		lookUp4((*[block]float32)(dst[i*block:]), (*[16]byte)(b[2:]), getF16(b), &kernel.IQ4Levels)
	}
}

// lookUp4 decodes 32 elements of 4 bits: x = d·level(q).
func lookUp4(x *[block]float32, q *[block / 2]byte, d float32, levels *[16]int8) {
	for j, v := range q {
		x[j] = d * float32(levels[v&15])
		x[j+block/2] = d * float32(levels[v>>4])
	}
}
