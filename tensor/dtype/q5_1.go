package dtype

import (
	"encoding/binary"

	"limbeck/tensor/kernel"
)

// Q5_1 is a scale and a minimum for 32 elements of 5 bits: x = d·q + m.
//
//	OFFSET  SIZE  FIELD
//	     0     2  d, f16
//	     2     2  m, f16
//	     4     4  bit 4 of q, u32: element j's in bit j
//	     8    16  bits 0–3 of q: byte j holds element j low, j+16 high
var Q5_1 = register(Type{
	Name: "q5_1", GGUF: 7, Len: block, Size: 24,
	exponents:      exponentsAt(halfExponent, 0, 2),
	Decode:         decodeQ5_1,
	Encode:         encodeQ5_1,
	EncodeWeighted: encodeWeightedQ5_1,
	Fast:           kernel.Q5_1x16,
})

func decodeQ5_1(dst []float32, src []byte) {
	for i := range len(dst) / block {
		x, b := (*[block]float32)(dst[i*block:]), (*[24]byte)(src[i*24:])
		d, m, high := getF16(b[:2]), getF16(b[2:4]), binary.LittleEndian.Uint32(b[4:8])
		for j, q := range b[8:] {
			x[j] = float32(d*float32(int32(uint32(q&15)|high>>j<<4&16))) + m
			x[j+block/2] = float32(d*float32(int32(uint32(q>>4)|high>>(j+block/2)<<4&16))) + m
		}
	}
}

func encodeQ5_1(dst []byte, src []float32) {
	var q [block]uint8
	for i := range len(src) / block {
		x, b := (*[block]float32)(src[i*block:]), (*[24]byte)(dst[i*24:])
		lo, hi := span(x)
		d := (hi - lo) / 31
		id := inverse(d)
		for j, v := range x {
			q[j] = level(float32((v-lo)*id)+0.5, 31)
		}
		putF16(b[:2], d)
		putF16(b[2:4], lo)
		binary.LittleEndian.PutUint32(b[4:8], pack5(&q))
		pack4((*[16]byte)(b[8:]), &q)
	}
}

func encodeWeightedQ5_1(dst []byte, src, importance []float32) {
	var q [block]uint8
	s := newSearch(src)
	for i := range len(src) / block {
		x, b := (*[block]float32)(src[i*block:]), (*[24]byte)(dst[i*24:])
		if !s.weigh(x, importance[i*block:]) {
			encodeQ5_1(b[:], x[:])
			continue
		}
		d, m := s.affine(&q, x, 31)
		putF16(b[:2], d)
		putF16(b[2:4], m)
		binary.LittleEndian.PutUint32(b[4:8], pack5(&q))
		pack4((*[16]byte)(b[8:]), &q)
	}
}
