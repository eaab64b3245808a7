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
	acc := zeros(rows)
	TESTB(add, add)
	JE(LabelRef("multiply"))
	eachRow(c, ldc, acc, 1, func(m Mem, v VecVirtual) { VMOVUPS_Z(m, mask, v) })
	Label("multiply")
	multiply(blocks, acc)
	eachRow(c, ldc, acc, 1, func(m Mem, v VecVirtual) { VMOVUPS(v, mask, m) })
	end()
}

// tileTwice emits the product of two blocks of 6 rows and two whole panels. Elements of a
// are loaded once for both: a processor that multiplies two vectors a cycle, as a Zen 5,
// loads no more than two.
func tileTwice() {
	const panels, rows = 2, 2 * blockRows
	begin("mulTile12x2AVX512",
		"func(c *float32, ldc int, a *float32, apart, row, col int, panel *float32, n int, add bool, next int)",
		"is mulTile12AVX512 of two whole panels, the second next bytes after the first.")
	c, ldc, add := load("c"), load("ldc"), Load(Param("add"), GP8())
	acc := zeros(rows * panels)
	below := GP64() // the tile that most often follows: c comes from afar
	IMUL3Q(Imm(rows), ldc, below)
	ADDQ(c, below)
	eachRow(below, ldc, acc, panels, func(m Mem, _ VecVirtual) { PREFETCHT0(m) })
	TESTB(add, add)
	JE(LabelRef("multiply"))
	eachRow(c, ldc, acc, panels, func(m Mem, v VecVirtual) { VMOVUPS(m, v) })
	Label("multiply")
	xs := twoBlocks()
	col, first, second := load("col"), load("panel"), load("next")
	ADDQ(first, second)
	unroll.Loop(load("n"), func(u int) {
		low, high := ZMM(), ZMM()
		VMOVUPS(Mem{Base: first, Disp: u * bytes}, low)
		VMOVUPS(Mem{Base: second, Disp: u * bytes}, high)
		for i := range rows {
			x := ZMM()
			VBROADCASTSS(xs[i/blockRows].At(i%blockRows, 0), x)
			VFMADD231PS(low, x, acc[panels*i])
			VFMADD231PS(high, x, acc[panels*i+1])
		}
		for _, x := range xs {
			x.Advance(col)
		}
	}, func(by int) {
		ADDQ(I32(by*bytes), first)
		ADDQ(I32(by*bytes), second)
	})
	eachRow(c, ldc, acc, panels, func(m Mem, v VecVirtual) { VMOVUPS(v, m) })
	end()
}

// twoBlocks returns where the elements of two blocks are.
func twoBlocks() []places.Places {
	row, first, second := load("row"), load("a"), load("apart")
	ADDQ(first, second)
	return []places.Places{places.From(first, row, blockRows), places.From(second, row, blockRows)}
}

// eachRow calls f for the vectors of each row of c, one a panel.
func eachRow(c, ldc GPVirtual, acc []VecVirtual, panels int, f func(Mem, VecVirtual)) {
	p := GP64()
	MOVQ(c, p)
	for i, v := range acc {
		if i > 0 && i%panels == 0 {
			ADDQ(ldc, p)
		}
		f(Mem{Base: p, Disp: i % panels * bytes}, v)
	}
}

// multiply emits the sums over n.
func multiply(blocks int, acc []VecVirtual) {
	xs := twoBlocks()[:blocks]
	col, panel, n := load("col"), load("panel"), load("n")
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
