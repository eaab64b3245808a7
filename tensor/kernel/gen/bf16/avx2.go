package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/unroll"
)

// tile256 emits the product of 6 rows and a panel: of each pair first the
// low halves, shifted to be floats, then the high ones, masked to be.
func tile256() {
	begin("mulPairs6AVX2", signature, "multiplies 6 rows of a by a panel of 16 columns, over n pairs. Strides are in bytes; apart means nothing.")
	c, ldc, add := load("c"), load("ldc"), Load(Param("add"), GP8())
	a, col := places.From(load("a"), load("row"), blockRows), load("col")
	panel, n := load("panel"), load("n")
	row := GP64()
	acc := make([]VecVirtual, 2*blockRows)
	for i := range acc {
		acc[i] = YMM()
		VXORPS(acc[i], acc[i], acc[i])
	}
	TESTB(add, add)
	JE(LabelRef("multiply"))
	MOVQ(c, row)
	for i := range blockRows {
		VMOVUPS(Mem{Base: row}, acc[2*i])
		VMOVUPS(Mem{Base: row, Disp: 32}, acc[2*i+1])
		ADDQ(ldc, row)
	}
	Label("multiply")
	mask := GLOBL("pairsHigh", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(0xffff0000))
	}
	low := func(m Mem, v VecVirtual, load func(...Op)) {
		load(m, v)
		VPSLLD(U8(16), v, v)
	}
	high := func(m Mem, v VecVirtual, load func(...Op)) {
		load(m, v)
		VPAND(mask, v, v)
	}
	broadcast := func(ops ...Op) { VPBROADCASTD(ops...) }
	whole := func(ops ...Op) { VMOVDQU(ops[0], ops[1]) }
	unroll.Loop(n, func(u int) {
		for _, half := range []func(Mem, VecVirtual, func(...Op)){low, high} {
			b0, b1 := YMM(), YMM()
			half(Mem{Base: panel, Disp: u * panelBytes}, b0, whole)
			half(Mem{Base: panel, Disp: u*panelBytes + 32}, b1, whole)
			for i := range blockRows {
				x := YMM()
				half(a.At(i, 0), x, broadcast)
				VFMADD231PS(b0, x, acc[2*i])
				VFMADD231PS(b1, x, acc[2*i+1])
			}
		}
		a.Advance(col)
	}, func(by int) { ADDQ(I32(int32(by*panelBytes)), panel) })
	MOVQ(c, row)
	for i := range blockRows {
		VMOVUPS(acc[2*i], Mem{Base: row})
		VMOVUPS(acc[2*i+1], Mem{Base: row, Disp: 32})
		ADDQ(ldc, row)
	}
	VZEROUPPER()
	RET()
}
