package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/k16"
)

// quantizeWide writes kernel's quantizeWideGeneric.
func quantizeWide() {
	TEXT("quantizeWideAVX2", NOSPLIT, "func(dst *byte, x *float32, blocks int)")
	Pragma("noescape")
	Doc("quantizeWideAVX2 rounds blocks of 256 elements to int8; blocks > 0.")
	dst := Load(Param("dst"), GP64())
	x := Load(Param("x"), GP64())
	blocks := Load(Param("blocks"), GP64())
	Label("block")
	top := YMM()
	VPXOR(top, top, top)
	parts, at := GP64(), GP64()
	MOVQ(U32(k16.Columns/32), parts)
	MOVQ(x, at)
	Label("largest")
	magnitude := filled("magnitude", 0x7fffffff)
	for i := range 4 {
		v := YMM()
		VMOVUPS(Mem{Base: at, Disp: 32 * i}, v)
		VPAND(magnitude, v, v)
		VPMAXUD(v, top, top)
	}
	ADDQ(Imm(128), at)
	DECQ(parts)
	JNZ(LabelRef("largest"))
	acrossMax(top)
	_, inverse, poison := scales(Mem{Base: dst, Disp: k16.BlockD}, top)
	for part := range k16.Columns / 32 {
		v := quantize32(Mem{Base: x, Disp: 128 * part}, inverse, poison)
		VMOVDQU(v, Mem{Base: dst, Disp: k16.X(part)})
		storeSums(dst, part, v)
	}
	ADDQ(U32(4*k16.Columns), x)
	ADDQ(U32(k16.WideBytes), dst)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// quantize32 returns 32 elements as int8.
func quantize32(x Mem, inverse, poison VecVirtual) VecVirtual {
	var v [4]VecVirtual
	for i := range v {
		v[i] = YMM()
		VMULPS(x.Offset(32*i), inverse, v[i])
		VPANDN(v[i], poison, v[i])
		VCVTPS2DQ(v[i], v[i])
	}
	return narrow(v)
}

// storeSums stores the sums of 16 and 32 int8, and −32 times those of 16.
func storeSums(dst Register, part int, v VecVirtual) {
	s, r := YMM(), GP32()
	VMOVDQU(filled("bytes1", 0x01010101), s)
	VPMADDUBSW(v, s, s)
	VPMADDWD(filled("ones", 0x00010001), s, s)
	VPHADDD(s, s, s)
	VPHADDD(s, s, s)
	high := YMM()
	VEXTRACTI128(Imm(1), s, high.AsX())
	for i, x := range []VecVirtual{s, high} {
		VMOVD(x.AsX(), r)
		MOVW(r.As16(), Mem{Base: dst, Disp: k16.BlockSum16 + 4*part + 2*i})
		SHLL(Imm(5), r)
		NEGL(r)
		MOVL(r, Mem{Base: dst, Disp: k16.Less(part, 4*i)})
	}
	VPADDD(s.AsX(), high.AsX(), s.AsX())
	VMOVD(s.AsX(), r)
	MOVW(r.As16(), Mem{Base: dst, Disp: k16.BlockSum32 + 2*part})
}
