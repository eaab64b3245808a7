package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
)

// ropeScaled emits the rotation of heads, as command f32 does that of one, times a scale.
func ropeScaled() {
	begin("ropeScaledAVX512", "func(dst, x, cos, sin *float32, heads, pairs int, scale float32)", "is ropeScaledGeneric of so many heads; heads > 0.")
	dst, x, cos, sin := load("dst"), load("x"), load("cos"), load("sin")
	heads, pairs := load("heads"), load("pairs")
	scale, twice := broadcast("scale"), ZMM()
	VMOVUPS(constants.Vector("twice16", lanes, func(i int) Constant { return U32(i / 2) }), twice)
	const half = lanes / 2
	rotate := func(v, c, s VecVirtual) {
		VPERMPS(c, twice, c)
		VPERMPS(s, twice, s)
		other := ZMM()
		VPERMILPS(U8(0xb1), v, other)
		VMULPS(s, other, other)
		VFMADDSUB213PS(other, c, v)
		VMULPS(scale, v, v)
	}
	c, s, n := GP64(), GP64(), GP64()
	Label("head")
	MOVQ(cos, c)
	MOVQ(sin, s)
	MOVQ(pairs, n)
	Label("pairs")
	CMPQ(n, Imm(half))
	JLT(LabelRef("rest"))
	v, cs, sn := ZMM(), ZMM(), ZMM()
	VMOVUPS(Mem{Base: x}, v)
	VMOVUPS(Mem{Base: c}, cs.AsY())
	VMOVUPS(Mem{Base: s}, sn.AsY())
	rotate(v, cs, sn)
	VMOVUPS(v, Mem{Base: dst})
	ADDQ(Imm(bytes), x)
	ADDQ(Imm(bytes), dst)
	ADDQ(Imm(bytes/2), c)
	ADDQ(Imm(bytes/2), s)
	SUBQ(Imm(half), n)
	JMP(LabelRef("pairs"))
	Label("rest")
	TESTQ(n, n)
	JE(LabelRef("done"))
	some := laneMask(n)
	ADDQ(n, n)
	twiceSome := laneMask(n)
	VMOVUPS_Z(Mem{Base: x}, twiceSome, v)
	VMOVUPS_Z(Mem{Base: c}, some, cs)
	VMOVUPS_Z(Mem{Base: s}, some, sn)
	rotate(v, cs, sn)
	VMOVUPS(v, twiceSome, Mem{Base: dst})
	LEAQ(Mem{Base: x, Index: n, Scale: 4}, x)
	LEAQ(Mem{Base: dst, Index: n, Scale: 4}, dst)
	Label("done")
	DECQ(heads)
	JNE(LabelRef("head"))
	end()
}
