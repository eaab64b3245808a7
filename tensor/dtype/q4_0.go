package dtype

import "limbeck/tensor/kernel"

// Q4_0 is one scale for 32 elements of 4 bits: x = d·(q−8). The element that
// is farthest from 0 is given the level −8, so d carries the opposite sign.
//
//	OFFSET  SIZE  FIELD
//	     0     2  d, f16
//	     2    16  q: byte j holds element j in its low 4 bits, j+16 in the high
var Q4_0 = register(Type{
	Name: "q4_0", GGUF: 2, Len: block, Size: 18,
	exponents:      exponentsAt(halfExponent, 0),
	Decode:         decodeQ4_0,
	Encode:         encodeQ4_0,
	EncodeWeighted: encodeWeightedQ4_0,
	Fast:           kernel.Q4_0x16,
})

func decodeQ4_0(dst []float32, src []byte) {
	if !kernel.DecodeQ4_0(dst, src) {
		decodeQ4_0Generic(dst, src)
	}
}

func decodeQ4_0Generic(dst []float32, src []byte) {
	for i := range len(dst) / block {
		x, b := (*[block]float32)(dst[i*block:]), (*[18]byte)(src[i*18:])
		d := getF16(b[:2])
		for j, q := range b[2:] {
			x[j] = d * float32(int(q&15)-8)
			x[j+block/2] = d * float32(int(q>>4)-8)
		}
	}
}

func encodeQ4_0(dst []byte, src []float32) {
	if !kernel.EncodeQ4_0(dst, src) {
		encodeQ4_0Generic(dst, src)
	}
}

func encodeQ4_0Generic(dst []byte, src []float32) {
	var q [block]uint8
	for i := range len(src) / block {
		x, b := (*[block]float32)(src[i*block:]), (*[18]byte)(dst[i*18:])
		d := largest(x) / -8
		id := inverse(d)
		for j, v := range x {
			q[j] = level(float32(v*id)+8.5, 15)
		}
		putF16(b[:2], d)
		pack4((*[16]byte)(b[2:]), &q)
	}
}

func encodeWeightedQ4_0(dst []byte, src, importance []float32) {
	var q [block]uint8
	s := newSearch(src)
	for i := range len(src) / block {
		x, b := (*[block]float32)(src[i*block:]), (*[18]byte)(dst[i*18:])
		if !s.weigh(x, importance[i*block:]) {
			encodeQ4_0(b[:], x[:])
			continue
		}
		putF16(b[:2], s.symmetric(&q, x, 8))
		pack4((*[16]byte)(b[2:]), &q)
	}
}
