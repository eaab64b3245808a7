package kernel

// Q4_0x16 interleaves format q4_0: value = scale·(q−8).
// A block of 32 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  scales, 16 f16
//	    32   256  nibbles, 4 quads of 16 lanes of 4 bytes
var Q4_0x16 = q4_0x16.layout("q4_0x16")

var q4_0x16 = &x16{bits: 4, zero: 8}
