package kernel

import "slices"

// Q6_Kx16 interleaves format q6_k: value = d·scale·(q−32), 16 columns a scale.
// A block of 256 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  d, 16 f16
//	    32   256  scales, int8: 4 words
//	   288  3072  for each half:
//	              bits 4–5, 8 words: of columns 4j+i, 32+4j+i, 64+4j+i, 96+4j+i,
//	              from the low bits
//	              bits 0–3, 16 words: of columns 4j+i the low, 64+4j+i the high
var Q6_Kx16 = q6_kx16.layout("q6_kx16")

var q6_kx16 = &k16{
	file: 210, sub: 16, zero: 32,
	halves: []int{208},
	words:  slices.Concat(span(192, 4), span(128, 8), span(0, 16), span(160, 8), span(64, 16)),
	scale:  [][]part{{{0, 0, ^uint32(0)}}, {{1, 0, ^uint32(0)}}, {{2, 0, ^uint32(0)}}, {{3, 0, ^uint32(0)}}},
	scales: 4, step: 128,
	low:  bits{4, 0, func(c, q int) (int, int) { return 8 + 8*(c%2) + q, 4 * (c / 2) }},
	high: bits{2, 4, func(c, q int) (int, int) { return q, 2 * c }},
}
