package kernel

// Q2_Kx16 interleaves format q2_k: value = d·scale·q − dmin·min, 16 columns a
// scale. A block of 256 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  d, 16 f16
//	    32    32  dmin, 16 f16
//	    64   256  a scale in the low 4 bits, a min in the high: 4 words
//	   320  1024  for each half 8 words: of columns 4j+i, 32+4j+i, 64+4j+i,
//	              96+4j+i, from the low bits
var Q2_Kx16 = q2_kx16.layout("q2_kx16")

var q2_kx16 = &k16{
	file: 84, sub: 16,
	halves: []int{80, 82},
	words:  span(0, 20),
	scale:  [][]part{{{0, 0, 0x0f0f0f0f}}, {{1, 0, 0x0f0f0f0f}}, {{2, 0, 0x0f0f0f0f}}, {{3, 0, 0x0f0f0f0f}}},
	min:    [][]part{{{0, 4, 0x0f0f0f0f}}, {{1, 4, 0x0f0f0f0f}}, {{2, 4, 0x0f0f0f0f}}, {{3, 4, 0x0f0f0f0f}}},
	scales: 4, step: 128,
	low: bits{2, 0, func(c, q int) (int, int) { return q, 2 * c }},
}
