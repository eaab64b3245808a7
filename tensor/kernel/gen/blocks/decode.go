package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// decoder writes a routine that decodes blocks, each of so many bytes: an f16 scale,
// then what levels loads as integers, 8 elements a vector.
func decoder(name string, size int, levels func(q Mem) [4]VecVirtual) {
	routine(name, "decodes", "func(dst *float32, src *byte, blocks int)", size, floats, func(dst, src Register) {
		d := YMM()
		VPBROADCASTW(Mem{Base: src}, d.AsX())
		VCVTPH2PS(d.AsX(), d)
		for i, v := range levels(Mem{Base: src, Disp: 2}) {
			VCVTDQ2PS(v, v)
			VMULPS(d, v, v)
			VMOVUPS(v, Mem{Base: dst, Disp: 32 * i})
		}
	})
}

// decodeQ8 writes dtype's decodeQ8_0.
func decodeQ8() {
	decoder("decodeQ8_0AVX2", q8Size, func(q Mem) (v [4]VecVirtual) {
		for i := range v {
			v[i] = YMM()
			VPMOVSXBD(q.Offset(8*i), v[i])
		}
		return v
	})
}

// decodeQ4 writes dtype's decodeQ4_0.
func decodeQ4() {
	decoder("decodeQ4_0AVX2", q4Size, func(q Mem) (v [4]VecVirtual) {
		for i := range 2 { // the second half of the block is in the high nibbles
			low, high := YMM(), YMM()
			VPMOVZXBD(q.Offset(8*i), low)
			VPSRLD(Imm(4), low, high)
			VPAND(bits(15), low, low)
			v[i], v[i+2] = low, high
		}
		for _, t := range v {
			VPSUBD(bits(8), t, t)
		}
		return v
	})
}
