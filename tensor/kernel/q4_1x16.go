package kernel

// Q4_1x16 interleaves format q4_1: value = scale·q + min.
// A block of 32 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  scales, 16 f16
//	    32    32  mins, 16 f16
//	    64   256  nibbles, 4 quads of 16 lanes of 4 bytes
var Q4_1x16 = q4_1x16.layout("q4_1x16")

var q4_1x16 = &x16{bits: 4, mins: true}
