package dtype

import (
	"encoding/binary"
	"math"

	"limbeck/tensor/kernel"
)

// What the formats with blocks of 32 elements and one scale share. All
// arithmetic is in float32, each product rounded by a conversion before it is
// added to something: Go may otherwise fuse the two, and the bytes would depend
// on the machine.

const block = 32

func getF16(b []byte) float32    { return kernel.HalfToFloat(binary.LittleEndian.Uint16(b)) }
func putF16(b []byte, v float32) { binary.LittleEndian.PutUint16(b, kernel.FloatToHalf(v)) }

// inverse is 1/d, or 0 for 0.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// largest returns the element that is farthest from 0, with its sign; of
// several the first. NaNs do not count.
func largest(x *[block]float32) float32 {
	var v, abs float32
	for _, e := range x {
		if a := float32(math.Abs(float64(e))); a > abs {
			v, abs = e, a
		}
	}
	return v
}

// span returns the least and the greatest element. NaNs do not count; without
// any number, least > greatest.
func span(x *[block]float32) (lo, hi float32) {
	lo, hi = math.MaxFloat32, -math.MaxFloat32
	for _, e := range x {
		if e < lo {
			lo = e
		}
		if e > hi {
			hi = e
		}
	}
	return lo, hi
}

// level truncates v, which is a number of levels plus ½, to at most top. What
// is not a number becomes 0, as in the conversion that C compiles to on amd64.
func level(v float32, top uint8) uint8 {
	if v >= 0 && v < 128 {
		return min(uint8(int32(v)), top)
	}
	return 0
}

// pack4 stores q's low 4 bits: the first 16 elements in the low nibbles.
func pack4(dst *[block / 2]byte, q *[block]uint8) {
	for j := range dst {
		dst[j] = q[j]&15 | q[j+block/2]<<4
	}
}

// pack5 returns q's fifth bits, element i's in bit i.
func pack5(q *[block]uint8) uint32 {
	var high uint32
	for i, v := range q {
		high |= uint32(v>>4) << i
	}
	return high
}
