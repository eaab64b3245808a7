package dtype

import "limbeck/tensor/kernel"

// Q4_1 is a scale and a minimum for 32 elements of 4 bits: x = d·q + m.
//
//	OFFSET  SIZE  FIELD
//	     0     2  d, f16
//	     2     2  m, f16
//	     4    16  q: byte j holds element j in its low 4 bits, j+16 in the high
var Q4_1 = register(Type{
	Name: "q4_1", GGUF: 3, Len: block, Size: 20,
	exponents:      exponentsAt(halfExponent, 0, 2),
	Decode:         decodeQ4_1,
	Encode:         encodeQ4_1,
	EncodeWeighted: encodeWeightedQ4_1,
	Fast:           kernel.Q4_1x16,
})

func decodeQ4_1(dst []float32, src []byte) {
	for i := range len(dst) / block {
		x, b := (*[block]float32)(dst[i*block:]), (*[20]byte)(src[i*20:])
		d, m := getF16(b[:2]), getF16(b[2:4])
		for j, q := range b[4:] {
			x[j] = float32(d*float32(q&15)) + m
			x[j+block/2] = float32(d*float32(q>>4)) + m
		}
	}
}

func encodeQ4_1(dst []byte, src []float32) {
	var q [block]uint8
	for i := range len(src) / block {
		x, b := (*[block]float32)(src[i*block:]), (*[20]byte)(dst[i*20:])
		lo, hi := span(x)
		d := (hi - lo) / 15
		id := inverse(d)
		for j, v := range x {
			q[j] = level(float32((v-lo)*id)+0.5, 15)
		}
		putF16(b[:2], d)
		putF16(b[2:4], lo)
		pack4((*[16]byte)(b[4:]), &q)
	}
}

func encodeWeightedQ4_1(dst []byte, src, importance []float32) {
	var q [block]uint8
	s := newSearch(src)
	for i := range len(src) / block {
		x, b := (*[block]float32)(src[i*block:]), (*[20]byte)(dst[i*20:])
		if !s.weigh(x, importance[i*block:]) {
			encodeQ4_1(b[:], x[:])
			continue
		}
		d, m := s.affine(&q, x, 15)
		putF16(b[:2], d)
		putF16(b[2:4], m)
		pack4((*[16]byte)(b[4:]), &q)
	}
}
