// Command pack writes what lays quanta of files out as kernel's x16 does.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	packQuanta("packNibblesAVX2", 1)
	packQuanta("packBytesAVX2", 2)
	Generate()
}

// packQuanta writes kernel's packLanes for four rows at once. A block has parts
// of 16 bytes a row, which become four quads of four lanes: a matrix of 4×4
// words, transposed.
func packQuanta(name string, parts int) {
	TEXT(name, NOSPLIT, "func(dst, src *byte, row, out, in, blocks int)")
	Pragma("noescape")
	Doc(name + " packs the quanta of four rows, row bytes apart, whose blocks have in bytes, to blocks of out bytes; blocks > 0.")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	row := Load(Param("row"), GP64())
	out := Load(Param("out"), GP64())
	in := Load(Param("in"), GP64())
	blocks := Load(Param("blocks"), GP64())
	src2 := GP64()
	LEAQ(Mem{Base: src, Index: row, Scale: 2}, src2)
	Label("block")
	for p := range parts {
		var x [4]VecVirtual
		for r := range x {
			x[r] = XMM()
			m := Mem{Base: [2]Register{src, src2}[r/2], Disp: 16 * p}
			if r%2 == 1 {
				m.Index, m.Scale = row, 1
			}
			VMOVDQU(m, x[r])
		}
		for i, q := range transposed(x) {
			VMOVDQU(q, Mem{Base: dst, Disp: 64 * (4*p + i)})
		}
	}
	for _, s := range []Register{src, src2} {
		ADDQ(in, s)
	}
	ADDQ(out, dst)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	RET()
}

// transposed returns the columns of a matrix of 4×4 words.
func transposed(x [4]VecVirtual) [4]VecVirtual {
	var half, y [4]VecVirtual
	for i := range half {
		half[i], y[i] = XMM(), XMM()
	}
	for i := range 2 {
		VPUNPCKLDQ(x[2*i+1], x[2*i], half[2*i])
		VPUNPCKHDQ(x[2*i+1], x[2*i], half[2*i+1])
	}
	for i := range 2 {
		VPUNPCKLQDQ(half[2+i], half[i], y[2*i])
		VPUNPCKHQDQ(half[2+i], half[i], y[2*i+1])
	}
	return y
}
