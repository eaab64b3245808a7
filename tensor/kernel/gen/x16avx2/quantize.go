package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
	"limbeck/tensor/kernel/gen/x16"
)

// Thresholds of kernel's quantizeBlock, on the bits of a magnitude.
const (
	tinyBits = (127 - 100) << 23
	infBits  = 0x7f800000
)

// quantizeRow writes kernel's quantizeRowGeneric.
func quantizeRow() {
	TEXT("quantizeRowAVX2", NOSPLIT, "func(dst *byte, x *float32, blocks int)")
	Pragma("noescape")
	Doc("quantizeRowAVX2 rounds blocks of 32 elements to int8; blocks > 0.")
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	blocks := Load(Param("blocks"), GP64())
	Label("block")
	v, top := largest(x)
	d, inverse, poison := scales(Mem{Base: dst, Disp: x16.BlockD}, top)
	for _, q := range v {
		VMULPS(inverse, q, q)
		VPANDN(q, poison, q)
		VCVTPS2DQ(q, q)
	}
	storeSum(dst, v, d)
	VMOVDQU(narrow(v), Mem{Base: dst, Disp: x16.BlockQ})
	ADDQ(Imm(128), x)
	ADDQ(Imm(x16.Q8Bytes), dst)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// largest loads a block and returns it and, in every lane, the bits of its
// largest magnitude. They compare as integers: NaN above infinity.
func largest(x Register) (v [4]VecVirtual, top VecVirtual) {
	magnitude := filled("magnitude", 0x7fffffff)
	var abs [4]VecVirtual
	for i := range v {
		v[i], abs[i] = YMM(), YMM()
		VMOVUPS(Mem{Base: x, Disp: 32 * i}, v[i])
		VPAND(magnitude, v[i], abs[i])
	}
	VPMAXUD(abs[1], abs[0], abs[0])
	VPMAXUD(abs[3], abs[2], abs[2])
	VPMAXUD(abs[2], abs[0], abs[0])
	acrossMax(abs[0])
	return v, abs[0]
}

// acrossMax leaves the greatest of v's lanes in all of them.
func acrossMax(v VecVirtual) {
	other := YMM()
	VPERM2I128(Imm(1), v, v, other)
	VPMAXUD(other, v, v)
	VPSHUFD(Imm(0x4e), v, other)
	VPMAXUD(other, v, v)
	VPSHUFD(Imm(0xb1), v, other)
	VPMAXUD(other, v, v)
}

// scales stores D at a place and returns it, what to multiply by, 0 for a tiny block, and a
// mask that is set for a block with a NaN or an infinity.
func scales(at Mem, top VecVirtual) (d, inverse, poison VecVirtual) {
	bound := YMM()
	VMOVUPS(filled("127", 0x42fe0000), bound)
	d, inverse, poison = YMM(), YMM(), YMM()
	tiny := YMM()
	VDIVPS(bound, top, d)
	VDIVPS(top, bound, inverse)
	VMOVDQU(filled("tiny", tinyBits), tiny)
	VPCMPGTD(top, tiny, tiny)
	VPCMPGTD(filled("finite", infBits-1), top, poison)
	VPANDN(inverse, tiny, inverse)
	VPANDN(d, tiny, d)
	VPOR(poison, d, d)
	VMOVSS(d.AsX(), at)
	return d, inverse, poison
}

// storeSum stores ΣQ and d·ΣQ.
func storeSum(dst Register, v [4]VecVirtual, d VecVirtual) {
	s, t := YMM(), YMM()
	VPADDD(v[0], v[1], s)
	VPADDD(v[2], v[3], t)
	VPADDD(s, t, s)
	VEXTRACTI128(Imm(1), s, t.AsX())
	VPADDD(s.AsX(), t.AsX(), s.AsX())
	VPSHUFD(Imm(0x4e), s.AsX(), t.AsX())
	VPADDD(s.AsX(), t.AsX(), s.AsX())
	VPSHUFD(Imm(0xb1), s.AsX(), t.AsX())
	VPADDD(s.AsX(), t.AsX(), s.AsX())
	VMOVD(s.AsX(), Mem{Base: dst, Disp: x16.BlockSum})
	VCVTDQ2PS(s.AsX(), s.AsX())
	VMULSS(d.AsX(), s.AsX(), s.AsX())
	VMOVSS(s.AsX(), Mem{Base: dst, Disp: x16.BlockDSum})
}

// narrow narrows int32 to int8. Packing works within 128-bit halves, so
// that groups of four elements end up in the order 0 2 4 6 1 3 5 7.
func narrow(v [4]VecVirtual) VecVirtual {
	// The order 0 4 1 5 2 6 3 7.
	order := constants.Vector("x16order", 8, func(i int) Constant { return U32(i/2 + i%2*4) })
	a, b, p := YMM(), YMM(), YMM()
	VPACKSSDW(v[1], v[0], a)
	VPACKSSDW(v[3], v[2], b)
	VPACKSSWB(b, a, a)
	VMOVDQU(order, p)
	VPERMD(a, p, a)
	return a
}
