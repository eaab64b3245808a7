package kernel

// Q8_0x16 interleaves format q8_0: value = scale·q.
// A block of 32 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  scales, 16 f16
//	    32   512  int8, 8 quads of 16 lanes of 4 bytes
var Q8_0x16 = q8_0x16.layout("q8_0x16")

var q8_0x16 = &x16{bits: 8}
