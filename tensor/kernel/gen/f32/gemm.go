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
	blockRows  = 6
	panelBytes = 64 // a row of a panel
)

func gemm() {
	for rows := 1; rows <= blockRows; rows++ {
		tile(rows)
	}
}

// tile emits the product of rows rows of a and a panel of 16 columns. Strides
// come in bytes. Twelve accumulators hide the latency of the FMA.
func tile(rows int) {
	name := fmt.Sprintf("mulTile%dAVX2", rows)
	begin(name, "func(c *float32, ldc int, a *float32, row, col int, panel *float32, n, cols int, add bool)",
		fmt.Sprintf("multiplies %d rows of a, n long, by cols columns of a panel. Strides are in bytes.", rows))
	c := Load(Param("c"), GP64()).(GPVirtual)
	ldc := Load(Param("ldc"), GP64()).(GPVirtual)
	cols := Load(Param("cols"), GP64()).(GPVirtual)
	add := Load(Param("add"), GP8())
	acc := accumulators(2 * rows)
	TESTB(add, add)
	JE(LabelRef("multiply"))
	eachPair(rows, c, ldc, cols, "load", func(m Mem, mask VecVirtual, half, i int) {
		if mask == nil {
			VMOVUPS(m, acc[2*i+half])
		} else {
			VMASKMOVPS(m, mask, acc[2*i+half])
		}
	})
	Label("multiply")
	if rows == blockRows {
		ahead(c, ldc)
	}
	multiply(rows, acc)
	eachPair(rows, c, ldc, cols, "store", func(m Mem, mask VecVirtual, half, i int) {
		if mask == nil {
			VMOVUPS(acc[2*i+half], m)
		} else {
			VMASKMOVPS(acc[2*i+half], mask, m)
		}
	})
	end()
}

// ahead asks for the rows of c of the tile below this one, which comes next: where c
// is large, it would wait for them.
func ahead(c, ldc GPVirtual) {
	p := GP64()
	LEAQ(Mem{Base: ldc, Index: ldc, Scale: 2}, p)
	LEAQ(Mem{Base: c, Index: p, Scale: 2}, p)
	for range blockRows {
		PREFETCHT0(Mem{Base: p})
		PREFETCHT0(Mem{Base: p, Disp: panelBytes - 1})
		ADDQ(ldc, p)
	}
}

// eachPair calls f for both halves of each row of c: without a mask for full
// rows, and for shorter ones with the mask of the half.
func eachPair(rows int, c, ldc, cols GPVirtual, label string, f func(m Mem, mask VecVirtual, half, i int)) {
	p := GP64()
	CMPQ(cols, Imm(16))
	JNE(LabelRef(label + "Masked"))
	MOVQ(c, p)
	for i := range rows {
		f(Mem{Base: p}, nil, 0, i)
		f(Mem{Base: p, Disp: bytes}, nil, 1, i)
		ADDQ(ldc, p)
	}
	JMP(LabelRef(label + "Done"))
	Label(label + "Masked")
	masks := halfMasks(cols)
	MOVQ(c, p)
	for i := range rows {
		f(Mem{Base: p}, masks[0], 0, i)
		f(Mem{Base: p, Disp: bytes}, masks[1], 1, i)
		ADDQ(ldc, p)
	}
	Label(label + "Done")
}

// halfMasks returns the masks of the first min(n, 8) lanes and of n-8 lanes.
func halfMasks(n GPVirtual) [2]VecVirtual {
	low, high, limit := GP64(), GP64(), GP64()
	MOVQ(n, low)
	MOVQ(U32(lanes), limit)
	CMPQ(n, Imm(lanes))
	CMOVQGT(limit, low)
	MOVQ(n, high)
	SUBQ(low, high)
	return [2]VecVirtual{laneMask(low), laneMask(high)}
}

func multiply(rows int, acc []VecVirtual) {
	a := Load(Param("a"), GP64()).(GPVirtual)
	row := Load(Param("row"), GP64()).(GPVirtual)
	col := Load(Param("col"), GP64()).(GPVirtual)
	panel := Load(Param("panel"), GP64()).(GPVirtual)
	n := Load(Param("n"), GP64()).(GPVirtual)
	xs := places.From(a, row, rows)
	step := func(u int) {
		b0, b1 := YMM(), YMM()
		VMOVUPS(Mem{Base: panel, Disp: u * panelBytes}, b0)
		VMOVUPS(Mem{Base: panel, Disp: u*panelBytes + bytes}, b1)
		for i := range rows {
			x := YMM()
			VBROADCASTSS(xs.At(i, 0), x)
			VFMADD231PS(b0, x, acc[2*i])
			VFMADD231PS(b1, x, acc[2*i+1])
		}
		xs.Advance(col)
	}
	unroll.Loop(n, step, func(by int) { ADDQ(I32(by*panelBytes), panel) })
}
