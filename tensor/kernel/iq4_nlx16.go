package kernel

// IQ4Levels are the levels of iq4_nl and iq4_xs: llama.cpp's kvalues_iq4nl.
var IQ4Levels = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// IQ4_NLx16 interleaves format iq4_nl: value = scale·level.
// A block of 32 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  scales, 16 f16
//	    32   256  indices of levels, 4 quads of 16 lanes of 4 bytes
var IQ4_NLx16 = iq4_nlx16.layout("iq4_nlx16")

var iq4_nlx16 = &x16{bits: 4, table: &IQ4Levels}
