package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/unroll"
)

const (
	blockRows = 6
)

// tile emits the product of so many blocks of 6 rows and a panel of 16 columns,
// a vector a row.
func tile(blocks int) {
	rows := blocks * blockRows
	begin(fmt.Sprintf("mulTile%dAVX512", rows),
		"func(c *float32, ldc int, a *float32, apart, row, col int, panel *float32, n, cols int, add bool)",
		fmt.Sprintf("multiplies %d rows of a, n long, whose blocks of 6 are apart bytes apart, by cols columns of a panel. Strides are in bytes.", rows))
	c, ldc, add := load("c"), load("ldc"), Load(Param("add"), GP8())
	mask := laneMask(load("cols"))
	acc := make([]VecVirtual, rows)
	for i := range acc {
		acc[i] = zero()
	}
	TESTB(add, add)
	JE(LabelRef("multiply"))
	eachRow(c, ldc, acc, func(m Mem, v VecVirtual) { VMOVUPS_Z(m, mask, v) })
	Label("multiply")
	multiply(blocks, acc)
	eachRow(c, ldc, acc, func(m Mem, v VecVirtual) { VMOVUPS(v, mask, m) })
	end()
}

func eachRow(c, ldc GPVirtual, acc []VecVirtual, f func(Mem, VecVirtual)) {
	p := GP64()
	MOVQ(c, p)
	for i, v := range acc {
		if i > 0 {
			ADDQ(ldc, p)
		}
		f(Mem{Base: p}, v)
	}
}

// multiply emits the sums over n.
func multiply(blocks int, acc []VecVirtual) {
	apart, row, col := load("apart"), load("row"), load("col")
	first := load("a")
	xs := []places.Places{places.From(first, row, blockRows)}
	if blocks == 2 {
		second := GP64()
		LEAQ(Mem{Base: first, Index: apart, Scale: 1}, second)
		xs = append(xs, places.From(second, row, blockRows))
	}
	panel, n := load("panel"), load("n")
	step := func(u int) {
		y := ZMM()
		VMOVUPS(Mem{Base: panel, Disp: u * bytes}, y)
		for i, v := range acc {
			VFMADD231PS_BCST(xs[i/blockRows].At(i%blockRows, 0), y, v)
		}
		for _, x := range xs {
			x.Advance(col)
		}
	}
	unroll.Loop(n, step, func(by int) { ADDQ(I32(by*bytes), panel) })
}
