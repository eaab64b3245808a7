package kernel

import "slices"

// Q5_Kx16 interleaves format q5_k: value = d·scale·q − dmin·min, 32 columns a
// scale. A block of 256 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  d, 16 f16
//	    32    32  dmin, 16 f16
//	    64   192  scales and mins: 3 words; see scale6
//	   256  2560  for each quarter:
//	              fifth bits, 2 words: bit j of byte i is column 4j+i's, of the
//	              second column 32+4j+i's
//	              nibbles, 8 words: of columns 4j+i the low ones, of columns
//	              32+4j+i the high
var Q5_Kx16 = q5_kx16.layout("q5_kx16")

var q5_kx16 = &k16{
	file: 176, sub: 32,
	halves: []int{0, 2},
	words: slices.Concat(span(4, 3),
		[]int{made, made}, span(48, 8),
		[]int{made, made}, span(80, 8),
		[]int{made, made}, span(112, 8),
		[]int{made, made}, span(144, 8)),
	make: gatherBits, raw: 16,
	scale: scale6, min: min6,
	scales: 3, step: 64,
	low:  bits{4, 0, func(c, q int) (int, int) { return 2 + q, 4 * c }},
	high: bits{1, 4, func(c, q int) (int, int) { return c, q }},
}
