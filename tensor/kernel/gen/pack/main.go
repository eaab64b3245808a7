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
	packHalves("packHalvesAVX2")
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

// packHalves writes what puts the 16 bits at the blocks' heads of 16 rows side by
// side.
func packHalves(name string) {
	TEXT(name, NOSPLIT, "func(dst, src *byte, row, out, in, blocks int)")
	Pragma("noescape")
	Doc(name + " packs the first 16 bits of the blocks of 16 rows, row bytes apart, whose blocks have in bytes, to blocks of out bytes; blocks > 0.")
	dst := Load(Param("dst"), GP64())
	row := Load(Param("row"), GP64())
	out := Load(Param("out"), GP64())
	in := Load(Param("in"), GP64())
	blocks := Load(Param("blocks"), GP64())
	var src [4]Register // of every fourth row
	src[0] = Load(Param("src"), GP64())
	for i := range src[1:] {
		src[i+1] = GP64()
		LEAQ(Mem{Base: src[i], Index: row, Scale: 4}, src[i+1])
	}
	row3 := GP64()
	LEAQ(Mem{Base: row, Index: row, Scale: 2}, row3)
	Label("block")
	for half := range 2 {
		x := XMM()
		VPXOR(x, x, x)
		for i := range uint64(8) {
			m := Mem{Base: src[2*half+int(i/4)]}
			switch i % 4 {
			case 1:
				m.Index, m.Scale = row, 1
			case 2:
				m.Index, m.Scale = row, 2
			case 3:
				m.Index, m.Scale = row3, 1
			}
			VPINSRW(Imm(i), m, x, x)
		}
		VMOVDQU(x, Mem{Base: dst, Disp: 16 * half})
	}
	for _, s := range src {
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
