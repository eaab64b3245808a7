package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// encoder writes a routine that encodes blocks, each of so many bytes.
func encoder(name string, size int, block func(dst, x Register)) {
	routine(name, "encodes", "func(dst *byte, src *float32, blocks int)", floats, size, block)
}

// encodeQ8 writes dtype's encodeQ8_0.
func encodeQ8() {
	encoder("encodeQ8_0AVX2", q8Size, func(dst, x Register) {
		v, _, top := magnitudes(x)
		d := XMM()
		VDIVSS(bits(0x42fe0000), top, d) // 127
		storeScale(dst, d)
		inverse := inverseOf(d)
		for _, t := range v {
			VMULPS(inverse, t, t)
			sane, whole, up, sign := YMM(), YMM(), YMM(), YMM()
			VANDPS(bits(0x7fffffff), t, sane)
			VCMPPS(Imm(lessEqual), bits(0x43000000), sane, sane) // 128
			// Halves go away from 0: what truncation cuts off is exact.
			VROUNDPS(Imm(truncate), t, whole)
			VANDPS(bits(1<<31), t, sign)
			VSUBPS(whole, t, up)
			VANDPS(bits(0x7fffffff), up, up)
			VCMPPS(Imm(greaterEqual), bits(0x3f000000), up, up) // ½
			VANDPS(bits(0x3f800000), up, up)
			VORPS(sign, up, up)
			VADDPS(up, whole, whole)
			VANDPS(sane, whole, t)
			VCVTTPS2DQ(t, t)
			VPAND(bits(0xff), t, t)
		}
		// Packing works within 128-bit halves, so that groups of four elements
		// end up in the order 0 2 4 6 1 3 5 7.
		VPACKUSDW(v[1], v[0], v[0])
		VPACKUSDW(v[3], v[2], v[2])
		VPACKUSWB(v[2], v[0], v[0])
		order := YMM()
		VMOVDQU(words("order", 0, 4, 1, 5, 2, 6, 3, 7), order)
		VPERMD(v[0], order, v[0])
		VMOVDQU(v[0], Mem{Base: dst, Disp: 2})
	})
}

// encodeQ4 writes dtype's encodeQ4_0.
func encodeQ4() {
	encoder("encodeQ4_0AVX2", q4Size, func(dst, x Register) {
		v, abs, top := magnitudes(x)
		d := XMM()
		VMOVD(signed(x, abs, top), d)
		VDIVSS(bits(0xc1000000), d, d) // −8
		storeScale(dst, d)
		inverse := inverseOf(d)
		for _, t := range v {
			VMULPS(inverse, t, t)
			VADDPS(bits(0x41080000), t, t) // 8.5
			low, high := YMM(), YMM()
			VXORPS(low, low, low)
			VCMPPS(Imm(greaterEqual), low, t, low)
			VCMPPS(Imm(less), bits(0x43000000), t, high) // 128
			VANDPS(low, t, t)
			VANDPS(high, t, t)
			VCVTTPS2DQ(t, t)
			VPMINSD(bits(15), t, t)
		}
		for i := range 2 { // the second half of the block in the high nibbles
			VPSLLD(Imm(4), v[i+2], v[i+2])
			VPOR(v[i+2], v[i], v[i])
		}
		VPACKUSDW(v[1], v[0], v[0])
		VPERMQ(Imm(0xd8), v[0], v[0])
		high := XMM()
		VEXTRACTI128(Imm(1), v[0], high)
		VPACKUSWB(high, v[0].AsX(), high)
		VMOVDQU(high, Mem{Base: dst, Disp: 2})
	})
}

// Predicates of VCMPPS that no NaN meets, and the rounding of VROUNDPS to 0.
const (
	equal        = 0x00
	less         = 0x11
	lessEqual    = 0x12
	greaterEqual = 0x1d
	truncate     = 0x0b
)

// magnitudes loads a block and returns it, its magnitudes, and the largest of
// these; NaNs do not count.
func magnitudes(x Register) (v, abs [4]VecVirtual, top VecVirtual) {
	acc := YMM()
	VXORPS(acc, acc, acc)
	for i := range v {
		v[i], abs[i] = YMM(), YMM()
		VMOVUPS(Mem{Base: x, Disp: 32 * i}, v[i])
		VANDPS(bits(0x7fffffff), v[i], abs[i])
		VMAXPS(acc, abs[i], acc) // of a NaN and acc it takes acc
	}
	top, other := XMM(), XMM()
	VEXTRACTF128(Imm(1), acc, other)
	VMAXPS(other, acc.AsX(), top)
	VMOVHLPS(top, top, other)
	VMAXPS(other, top, top)
	VMOVSHDUP(top, other)
	VMAXSS(other, top, top)
	return v, abs, top
}

// signed returns the first element whose magnitude is top; +0 if that is 0.
func signed(x Register, abs [4]VecVirtual, top VecVirtual) Register {
	all := YMM()
	VBROADCASTSS(top, all)
	mask := GP32()
	MOVL(U32(1<<31), mask) // a block of NaNs has none
	for i, a := range abs {
		VCMPPS(Imm(equal), a, all, a)
		m := GP32()
		VMOVMSKPS(a, m)
		if i > 0 {
			SHLL(Imm(uint64(8*i)), m)
		}
		ORL(m, mask)
	}
	first, element, none := GP32(), GP32(), GP32()
	BSFL(mask, first)
	MOVL(Mem{Base: x, Index: first.As64(), Scale: 4}, element)
	VMOVD(top, none)
	TESTL(none, none)
	CMOVLEQ(none, element)
	return element
}

// storeScale stores d as f16.
func storeScale(dst Register, d VecVirtual) {
	half, word := XMM(), GP32()
	VCVTPS2PH(Imm(0), d, half)
	VMOVD(half, word)
	MOVW(word.As16(), Mem{Base: dst})
}

// inverseOf returns 1/d in all lanes, or 0 for 0.
func inverseOf(d VecVirtual) VecVirtual {
	one, none, inverse := XMM(), XMM(), YMM()
	VXORPS(none, none, none)
	VCMPSS(Imm(equal), none, d, none)
	VMOVSS(bits(0x3f800000), one)
	VDIVSS(d, one, one)
	VANDNPS(one, none, one)
	VBROADCASTSS(one, inverse)
	return inverse
}
