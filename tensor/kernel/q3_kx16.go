package kernel

import "slices"

// Q3_Kx16 interleaves format q3_k: value = d·(scale−32)·(q−4), 16 columns a
// scale. A block of 256 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  d, 16 f16
//	    32   192  scales, 3 words: bits 0–3 of scales 0–7 and, above them, 8–15;
//	              bits 4–5 of scales i, 4+i, 8+i, 12+i, from the low bits
//	   224  1536  for each half:
//	              bit 2, 4 words, one for 32 columns: bit j of byte i is column
//	              4j+i's
//	              bits 0–1, 8 words: of columns 4j+i, 32+4j+i, 64+4j+i, 96+4j+i,
//	              from the low bits
var Q3_Kx16 = q3_kx16.layout("q3_kx16")

var q3_kx16 = &k16{
	file: 110, sub: 16, zero: 4,
	halves: []int{108},
	words: slices.Concat(span(96, 3),
		[]int{made, made, made, made}, span(32, 8),
		[]int{made, made, made, made}, span(64, 8)),
	make: gatherBits,
	scale: [][]part{
		{{0, 0, 0x0f0f0f0f}, {2, -4, 0x30303030}}, {{1, 0, 0x0f0f0f0f}, {2, -2, 0x30303030}},
		{{0, 4, 0x0f0f0f0f}, {2, 0, 0x30303030}}, {{1, 4, 0x0f0f0f0f}, {2, 2, 0x30303030}},
	},
	below:  32,
	scales: 3, step: 128,
	low:  bits{2, 0, func(c, q int) (int, int) { return 4 + q, 2 * c }},
	high: bits{1, 2, func(c, q int) (int, int) { return c, q }},
}
