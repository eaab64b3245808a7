package dtype

import (
	"encoding/binary"

	"limbeck/tensor/kernel"
)

// IQ4_XS is 8 sub-blocks of 32 elements of 16 uneven levels:
// x = d·(s−32)·level(q).
//
//	OFFSET  SIZE  FIELD
//	     0     2  d, f16
//	     2     2  bits 4–5 of s, from the low bits
//	     4     4  bits 0–3 of s: byte j holds s[2j] in its low 4 bits, s[2j+1] in
//	              the high
//	     8   128  q: for each sub-block 16 bytes; byte j holds element j in its
//	              low 4 bits, j+16 in the high
var IQ4_XS = register(Type{
	Name: "iq4_xs", GGUF: 23, Len: superblock, Size: 136,
	exponents: exponentsAt(halfExponent, 0),
	Decode:    decodeIQ4_XS,
	Fast:      kernel.IQ4_XSx16,
})

func decodeIQ4_XS(dst []float32, src []byte) {
	for i := range len(dst) / superblock {
		x, b := dst[i*superblock:][:superblock], (*[136]byte)(src[i*136:])
		d, high := getF16(b[:2]), binary.LittleEndian.Uint16(b[2:])
		for sub := range 8 {
			s := int(b[4+sub/2]>>(sub%2*4)&15) | int(high>>(2*sub)&3)<<4
			lookUp4((*[block]float32)(x[block*sub:]), (*[16]byte)(b[8+16*sub:]), d*float32(s-32), &kernel.IQ4Levels)
		}
	}
}
