package kernel

// Q4_Kx16 interleaves format q4_k: value = d·scale·q − dmin·min, 32 columns a
// scale. A block of 256 columns × 16 rows:
//
//	OFFSET  SIZE  FIELD
//	     0    32  d, 16 f16
//	    32    32  dmin, 16 f16
//	    64   192  scales and mins: 3 words; see scale6
//	   256  2048  nibbles: for each quarter 8 words; of columns 4j+i the low
//	              ones, of columns 32+4j+i the high
var Q4_Kx16 = q4_kx16.layout("q4_kx16")

var q4_kx16 = &k16{
	file: 144, sub: 32,
	halves: []int{0, 2},
	words:  span(4, 35),
	scale:  scale6, min: min6,
	scales: 3, step: 64,
	low: bits{4, 0, func(c, q int) (int, int) { return q, 4 * c }},
}
