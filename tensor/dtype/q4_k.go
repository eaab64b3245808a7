package dtype

import "limbeck/tensor/kernel"

// Q4_K is 8 sub-blocks of 32 elements of 4 bits: x = d·s·q − dmin·m.
//
//	OFFSET  SIZE  FIELD
//	     0     2  d, f16
//	     2     2  dmin, f16
//	     4    12  s and m, 6 bits, packed; see scaleMin6
//	    16   128  q: for each quarter of 64 elements 32 bytes; byte j holds
//	              element j in its low 4 bits, j+32 in the high
var Q4_K = register(Type{
	Name: "q4_k", GGUF: 12, Len: superblock, Size: 144,
	exponents: exponentsAt(halfExponent, 0, 2),
	Decode:    decodeQ4_K,
	Fast:      kernel.Q4_Kx16,
})

func decodeQ4_K(dst []float32, src []byte) {
	for i := range len(dst) / superblock {
		x, b := dst[i*superblock:][:superblock], (*[144]byte)(src[i*144:])
		d, dmin := getF16(b[:2]), getF16(b[2:4])
		scales := (*[12]byte)(b[4:])
		for quarter := range 4 {
			s0, m0 := scaleMin6(scales, 2*quarter)
			s1, m1 := scaleMin6(scales, 2*quarter+1)
			s0, m0, s1, m1 = float32(d*s0), float32(dmin*m0), float32(d*s1), float32(dmin*m1)
			lo, hi := (*[32]float32)(x[64*quarter:]), (*[32]float32)(x[64*quarter+32:])
			for j, v := range (*[32]byte)(b[16+32*quarter:]) {
				lo[j] = float32(s0*float32(v&15)) - m0
				hi[j] = float32(s1*float32(v>>4)) - m1
			}
		}
	}
}
