package kernel

// Q5_1x16 interleaves format q5_1: value = scale·q + min. See [Q5_0x16] for the
// fifth bits.
// A block of 32 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  scales, 16 f16
//	    32    32  mins, 16 f16
//	    64    64  fifth bits, 16 lanes of u32
//	   128   256  nibbles, 4 quads of 16 lanes of 4 bytes
var Q5_1x16 = q5_1x16.layout("q5_1x16")

var q5_1x16 = &x16{bits: 5, mins: true}
