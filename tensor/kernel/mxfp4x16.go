package kernel

// MXFP4Levels are twice the values of an E2M1, a float of 4 bits (Open Compute
// Project 2023, "Microscaling Formats", sect. 5.3.3).
var MXFP4Levels = [16]int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

// MXFP4x16 interleaves format mxfp4: value = 2^(e−128)·level.
// A block of 32 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    16  e, 16 bytes
//	    16   256  indices of levels, 4 quads of 16 lanes of 4 bytes
var MXFP4x16 = mxfp4x16.layout("mxfp4x16")

var mxfp4x16 = &x16{bits: 4, exponents: true, table: &MXFP4Levels}
