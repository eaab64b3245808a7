package kernel

import (
	"encoding/binary"
	"slices"
)

// IQ4_XSx16 interleaves format iq4_xs: value = d·(scale−32)·level, 32 columns a
// scale. A block of 256 columns × 16 rows, 2 bytes a row longer than in a file:
//
//	OFFSET  SIZE  FIELD
//	     0    32  d, 16 f16
//	    32   128  scales, 2 words: bits 0–3 of scales 0–3 and, above them, 4–7;
//	              bits 4–5 likewise
//	   160  2048  indices of levels: for each chunk of 32 columns 4 words, of
//	              columns 4j+i the low nibbles, 16+4j+i the high
var IQ4_XSx16 = iq4_xsx16.layout("iq4_xsx16")

var iq4_xsx16 = &k16{
	file: 136, sub: 32,
	halves: []int{0},
	words:  slices.Concat([]int{made, made}, span(8, 32)),
	make:   scalesIQ4_XS,
	scale:  [][]part{{{0, 0, 0x0f0f0f0f}, {1, -4, 0x30303030}}, {{0, 4, 0x0f0f0f0f}, {1, 0, 0x30303030}}},
	below:  32,
	scales: 2, step: 64,
	low:   bits{4, 0, func(c, q int) (int, int) { return 4*c + q%4, q / 4 * 4 }},
	table: &IQ4Levels,
}

// scalesIQ4_XS reads 8 scales: their bits 0–3 are nibbles from byte 4 on, their
// bits 4–5 pairs of bits from byte 2 on.
func scalesIQ4_XS(file []byte) (w [8]uint32) {
	high := binary.LittleEndian.Uint16(file[2:])
	for j := range 8 {
		low, at := uint32(file[4+j/2]>>(j%2*4)&15), j%4*8+j/4*4
		w[0] |= low << at
		w[1] |= uint32(high>>(2*j)&3) << at
	}
	return w
}
