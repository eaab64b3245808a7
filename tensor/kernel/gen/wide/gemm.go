package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

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

// multiply emits the sums over n. Every third row has a
// register of its own.
func multiply(blocks int, acc []VecVirtual) {
	apart, row, col := load("apart"), load("row"), load("col")
	bases := []GPVirtual{load("a")}
	for b := range blocks {
		if b > 0 {
			next := GP64()
			LEAQ(Mem{Base: bases[0], Index: apart, Scale: 1}, next)
			bases = append(bases, next)
		}
		third := GP64()
		LEAQ(Mem{Base: row, Index: row, Scale: 2}, third)
		ADDQ(bases[2*b], third)
		bases = append(bases, third)
	}
	panel, n := load("panel"), load("n")
	step := func(u int) {
		y := ZMM()
		VMOVUPS(Mem{Base: panel, Disp: u * bytes}, y)
		for i, v := range acc {
			m := Mem{Base: bases[i/3]}
			if i%3 > 0 {
				m.Index, m.Scale = row, uint8(i%3)
			}
			VFMADD231PS_BCST(m, y, v)
		}
		for _, p := range bases {
			ADDQ(col, p)
		}
	}
	unroll.Loop(n, step, func(by int) { ADDQ(I32(by*bytes), panel) })
}
