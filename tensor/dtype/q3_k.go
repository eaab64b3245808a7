package dtype

import "limbeck/tensor/kernel"

// Q3_K is 16 sub-blocks of 16 elements of 3 bits: x = d·(s−32)·(q−4).
//
//	OFFSET  SIZE  FIELD
//	     0    32  bit 2 of q: element 32k+j's in bit k of byte j
//	    32    64  bits 0–1 of q: for each half of 128 elements 32 bytes; byte j
//	              holds elements j, j+32, j+64, j+96, from the low bits
//	    96    12  s, 6 bits: byte j < 8 holds the low 4 bits of s[j] (low) and
//	              s[j+8] (high); byte 8+j the upper 2 bits of s[j], s[j+4],
//	              s[j+8], s[j+12], from the low bits
//	   108     2  d, f16
var Q3_K = register(Type{
	Name: "q3_k", GGUF: 11, Len: superblock, Size: 110,
	exponents: exponentsAt(halfExponent, 108),
	Decode:    decodeQ3_K,
	Fast:      kernel.Q3_Kx16,
})

func decodeQ3_K(dst []float32, src []byte) {
	for i := range len(dst) / superblock {
		x, b := (*[superblock]float32)(dst[i*superblock:]), (*[110]byte)(src[i*110:])
		d := getF16(b[108:110])
		s := b[96:108]
		for sub := range 16 {
			low := s[sub%8] >> (sub / 8 * 4) & 15
			scale := d * float32(int(low|s[8+sub%4]>>(sub/4*2)&3<<4)-32)
			half, quarter, side := sub/8, sub/2%4, sub%2
			q, high := b[32+32*half+16*side:][:16], b[16*side:][:16]
			for j, v := range q {
				bit2 := high[j] >> (sub / 2) & 1 << 2
				x[16*sub+j] = scale * float32(int(v>>(2*quarter)&3|bit2)-4)
			}
		}
	}
}
