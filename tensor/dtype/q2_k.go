package dtype

import "limbeck/tensor/kernel"

// Q2_K is 16 sub-blocks of 16 elements of 2 bits: x = d·s·q − dmin·m.
//
//	OFFSET  SIZE  FIELD
//	     0    16  a sub-block's s in the low 4 bits, m in the high
//	    16    64  q: for each half of 128 elements 32 bytes; byte j holds
//	              elements j, j+32, j+64, j+96, from the low bits
//	    80     2  d, f16
//	    82     2  dmin, f16
var Q2_K = register(Type{
	Name: "q2_k", GGUF: 10, Len: superblock, Size: 84,
	exponents: exponentsAt(halfExponent, 80, 82),
	Decode:    decodeQ2_K,
	Fast:      kernel.Q2_Kx16,
})

func decodeQ2_K(dst []float32, src []byte) {
	for i := range len(dst) / superblock {
		x, b := (*[superblock]float32)(dst[i*superblock:]), (*[84]byte)(src[i*84:])
		d, dmin := getF16(b[80:82]), getF16(b[82:84])
		for sub := range 16 {
			scale := d * float32(b[sub]&15)
			minimum := float32(dmin * float32(b[sub]>>4)) // rounded: never fused with what follows
			half, quarter, side := sub/8, sub/2%4, sub%2
			q := b[16+32*half+16*side:][:16]
			for j, v := range q {
				x[16*sub+j] = float32(scale*float32(v>>(2*quarter)&3)) - minimum
			}
		}
	}
}
