package kernel

// Q5_0x16 interleaves format q5_0: value = scale·(q−16). The fifth bits stay a
// plane of their own: bytes would be simpler to multiply, but a product with one
// row runs at the memory's pace, and would take 1.5 times as long.
// A block of 32 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  scales, 16 f16
//	    32    64  fifth bits, 16 lanes of u32
//	    96   256  nibbles, 4 quads of 16 lanes of 4 bytes
var Q5_0x16 = q5_0x16.layout("q5_0x16")

var q5_0x16 = &x16{bits: 5, zero: 16}
