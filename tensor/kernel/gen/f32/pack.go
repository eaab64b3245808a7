package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func pack() {
	begin("packColumnsAVX2", "func(dst, src *float32, stride, n int)",
		"interleaves 8 runs of n floats, n a multiple of 8, stride bytes apart, into half of a panel.")
	interleave(8, panelBytes)
	copyRows()
	copyColumns()
	begin("packRowsAVX2", "func(dst, src *float32, stride, n int)",
		"interleaves 6 runs of n floats, n a multiple of 8, stride bytes apart. It writes 2 floats too many.")
	interleave(blockRows, 4*blockRows)
}

// copyRows emits the packing of whole panels where rows are contiguous. For each
// row it serves all panels, so that a page of src is looked up once.
func copyRows() {
	begin("copyRowsAVX2", "func(dst *float32, apart int, src *float32, stride, n, panels int)",
		"copies n rows, stride bytes apart, to that many panels, apart bytes apart.")
	dst := Load(Param("dst"), GP64()).(GPVirtual)
	apart := Load(Param("apart"), GP64()).(GPVirtual)
	src := Load(Param("src"), GP64()).(GPVirtual)
	stride := Load(Param("stride"), GP64()).(GPVirtual)
	n := Load(Param("n"), GP64()).(GPVirtual)
	panels := Load(Param("panels"), GP64()).(GPVirtual)
	from, to, left := GP64(), GP64(), GP64()
	a, b := YMM(), YMM()
	Label("row")
	MOVQ(src, from)
	MOVQ(dst, to)
	MOVQ(panels, left)
	Label("panel")
	VMOVUPS(Mem{Base: from}, a)
	VMOVUPS(Mem{Base: from, Disp: bytes}, b)
	VMOVUPS(a, Mem{Base: to})
	VMOVUPS(b, Mem{Base: to, Disp: bytes})
	ADDQ(Imm(panelBytes), from)
	ADDQ(apart, to)
	DECQ(left)
	JNE(LabelRef("panel"))
	ADDQ(stride, src)
	ADDQ(Imm(panelBytes), dst)
	DECQ(n)
	JNE(LabelRef("row"))
	end()
}

// copyColumns emits the packing of whole blocks where columns are contiguous. For each
// column it serves all blocks, so that a cache line of src is read once.
func copyColumns() {
	begin("copyColumnsAVX2", "func(dst *float32, apart int, src *float32, stride, n, blocks int)",
		"copies n columns, stride bytes apart, to that many blocks of 6 rows, apart bytes apart.")
	dst := Load(Param("dst"), GP64()).(GPVirtual)
	apart := Load(Param("apart"), GP64()).(GPVirtual)
	src := Load(Param("src"), GP64()).(GPVirtual)
	stride := Load(Param("stride"), GP64()).(GPVirtual)
	n := Load(Param("n"), GP64()).(GPVirtual)
	blocks := Load(Param("blocks"), GP64()).(GPVirtual)
	from, to, left := GP64(), GP64(), GP64()
	four, two := XMM(), XMM()
	Label("column")
	MOVQ(src, from)
	MOVQ(dst, to)
	MOVQ(blocks, left)
	Label("block")
	VMOVUPS(Mem{Base: from}, four)
	VMOVSD(Mem{Base: from, Disp: 16}, two)
	VMOVUPS(four, Mem{Base: to})
	VMOVSD(two, Mem{Base: to, Disp: 16})
	ADDQ(Imm(4*blockRows), from)
	ADDQ(apart, to)
	DECQ(left)
	JNE(LabelRef("block"))
	ADDQ(stride, src)
	ADDQ(Imm(4*blockRows), dst)
	DECQ(n)
	JNE(LabelRef("column"))
	end()
}

// interleave emits dst[k*step+i] = src[i*stride+k] for i < runs: it transposes
// squares of 8. With fewer runs the lanes too many are overwritten by the next
// store.
func interleave(runs, step int) {
	dst := Load(Param("dst"), GP64()).(GPVirtual)
	src := Load(Param("src"), GP64()).(GPVirtual)
	stride := Load(Param("stride"), GP64()).(GPVirtual)
	n := Load(Param("n"), GP64()).(GPVirtual)
	stride3, src4 := GP64(), GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	LEAQ(Mem{Base: src, Index: stride, Scale: 4}, src4)
	Label("square")
	CMPQ(n, Imm(lanes))
	JLT(LabelRef("done"))
	v := make([]VecVirtual, 8)
	for i := range v {
		if i >= runs {
			v[i] = v[0] // any value
			continue
		}
		m := Mem{Base: src}
		if i >= 4 {
			m.Base = src4
		}
		switch i % 4 {
		case 1, 2:
			m.Index, m.Scale = stride, uint8(i%4)
		case 3:
			m.Index, m.Scale = stride3, 1
		}
		v[i] = YMM()
		VMOVUPS(m, v[i])
	}
	for k, t := range transpose(v) {
		VMOVUPS(t, Mem{Base: dst, Disp: k * step})
	}
	ADDQ(Imm(bytes), src)
	ADDQ(Imm(bytes), src4)
	ADDQ(I32(int32(lanes*step)), dst)
	SUBQ(Imm(lanes), n)
	JMP(LabelRef("square"))
	Label("done")
	end()
}

// transpose returns the columns of 8 rows of 8.
func transpose(r []VecVirtual) []VecVirtual {
	pairs := make([]VecVirtual, 8) // of rows 2i, 2i+1: columns 0 1 4 5, then 2 3 6 7
	for i := range 4 {
		lo, hi := YMM(), YMM()
		VUNPCKLPS(r[2*i+1], r[2*i], lo)
		VUNPCKHPS(r[2*i+1], r[2*i], hi)
		pairs[2*i], pairs[2*i+1] = lo, hi
	}
	quads := make([]VecVirtual, 8) // of rows 4i to 4i+3: columns c and c+4
	for i := range 2 {
		for c := range 4 {
			q := YMM()
			shuffle := U8(0x44)
			if c%2 == 1 {
				shuffle = 0xee
			}
			VSHUFPS(shuffle, pairs[4*i+2+c/2], pairs[4*i+c/2], q)
			quads[4*i+c] = q
		}
	}
	cols := make([]VecVirtual, 8)
	for c := range 4 {
		lo, hi := YMM(), YMM()
		VINSERTF128(U8(1), quads[4+c].AsX(), quads[c], lo)
		VPERM2F128(U8(0x31), quads[4+c], quads[c], hi)
		cols[c], cols[c+4] = lo, hi
	}
	return cols
}
