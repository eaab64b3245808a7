package dtype

import (
	"encoding/binary"

	"limbeck/tensor/kernel"
)

// Q5_0 is one scale for 32 elements of 5 bits: x = d·(q−16). The element that
// is farthest from 0 is given the level −16, so d carries the opposite sign.
//
//	OFFSET  SIZE  FIELD
//	     0     2  d, f16
//	     2     4  bit 4 of q, u32: element j's in bit j
//	     6    16  bits 0–3 of q: byte j holds element j low, j+16 high
var Q5_0 = register(Type{
	Name: "q5_0", GGUF: 6, Len: block, Size: 22,
	exponents:      exponentsAt(halfExponent, 0),
	Decode:         decodeQ5_0,
	Encode:         encodeQ5_0,
	EncodeWeighted: encodeWeightedQ5_0,
	Fast:           kernel.Q5_0x16,
})

func decodeQ5_0(dst []float32, src []byte) {
	for i := range len(dst) / block {
		x, b := (*[block]float32)(dst[i*block:]), (*[22]byte)(src[i*22:])
		d, high := getF16(b[:2]), binary.LittleEndian.Uint32(b[2:6])
		for j, q := range b[6:] {
			x[j] = d * float32(int32(uint32(q&15)|high>>j<<4&16)-16)
			x[j+block/2] = d * float32(int32(uint32(q>>4)|high>>(j+block/2)<<4&16)-16)
		}
	}
}

func encodeQ5_0(dst []byte, src []float32) {
	var q [block]uint8
	for i := range len(src) / block {
		x, b := (*[block]float32)(src[i*block:]), (*[22]byte)(dst[i*22:])
		d := largest(x) / -16
		id := inverse(d)
		for j, v := range x {
			q[j] = level(float32(v*id)+16.5, 31)
		}
		putF16(b[:2], d)
		binary.LittleEndian.PutUint32(b[2:6], pack5(&q))
		pack4((*[16]byte)(b[6:]), &q)
	}
}

func encodeWeightedQ5_0(dst []byte, src, importance []float32) {
	var q [block]uint8
	s := newSearch(src)
	for i := range len(src) / block {
		x, b := (*[block]float32)(src[i*block:]), (*[22]byte)(dst[i*22:])
		if !s.weigh(x, importance[i*block:]) {
			encodeQ5_0(b[:], x[:])
			continue
		}
		putF16(b[:2], s.symmetric(&q, x, 16))
		binary.LittleEndian.PutUint32(b[2:6], pack5(&q))
		pack4((*[16]byte)(b[6:]), &q)
	}
}
