package dtype

import "limbeck/tensor/kernel"

// Q6_K is 16 sub-blocks of 16 elements of 6 bits: x = d·s·(q−32).
//
//	OFFSET  SIZE  FIELD
//	     0   128  bits 0–3 of q: for each half of 128 elements 64 bytes; byte j
//	              holds element j in its low 4 bits, j+64 in the high
//	   128    64  bits 4–5 of q: for each half 32 bytes; byte j holds elements
//	              j, j+32, j+64, j+96, from the low bits
//	   192    16  s, int8
//	   208     2  d, f16
var Q6_K = register(Type{
	Name: "q6_k", GGUF: 14, Len: superblock, Size: 210,
	exponents: exponentsAt(halfExponent, 208),
	Decode:    decodeQ6_K,
	Fast:      kernel.Q6_Kx16,
})

func decodeQ6_K(dst []float32, src []byte) {
	for i := range len(dst) / superblock {
		x, b := (*[superblock]float32)(dst[i*superblock:]), (*[210]byte)(src[i*210:])
		d := getF16(b[208:210])
		for sub := range 16 {
			scale := d * float32(int8(b[192+sub]))
			half, quarter, side := sub/8, sub/2%4, sub%2
			low := b[64*half+32*(quarter%2)+16*side:][:16]
			high := b[128+32*half+16*side:][:16]
			for j, v := range low {
				q := v>>(quarter/2*4)&15 | high[j]>>(2*quarter)&3<<4
				x[16*sub+j] = scale * float32(int(q)-32)
			}
		}
	}
}
