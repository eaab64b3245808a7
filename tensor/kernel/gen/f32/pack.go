package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/places"
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

// copyRows emits the packing of whole panels where rows are contiguous.
func copyRows() {
	a, b := YMM(), YMM()
	copyLines("copyRowsAVX2", "row", "panel", "copies n rows, stride bytes apart, to that many panels, apart bytes apart.",
		panelBytes, func(from, to Mem) {
			VMOVUPS(from, a)
			VMOVUPS(from.Offset(bytes), b)
			VMOVUPS(a, to)
			VMOVUPS(b, to.Offset(bytes))
		})
}

// copyColumns emits the packing of whole blocks where columns are contiguous.
func copyColumns() {
	four, two := XMM(), XMM()
	copyLines("copyColumnsAVX2", "column", "block", "copies n columns, stride bytes apart, to that many blocks of 6 rows, apart bytes apart.",
		4*blockRows, func(from, to Mem) {
			VMOVUPS(from, four)
			VMOVSD(from.Offset(16), two)
			VMOVUPS(four, to)
			VMOVSD(two, to.Offset(16))
		})
}

// copyLines emits the copying of lines, rows or columns, to pieces, which take size
// bytes of each. A line is copied whole, so that its page is looked up, and each of
// its cache lines read, once.
func copyLines(name, line, piece, doc string, size int, move func(from, to Mem)) {
	begin(name, "func(dst *float32, apart int, src *float32, stride, n, "+piece+"s int)", doc)
	dst := Load(Param("dst"), GP64()).(GPVirtual)
	apart := Load(Param("apart"), GP64()).(GPVirtual)
	src := Load(Param("src"), GP64()).(GPVirtual)
	stride := Load(Param("stride"), GP64()).(GPVirtual)
	n := Load(Param("n"), GP64()).(GPVirtual)
	pieces := Load(Param(piece+"s"), GP64()).(GPVirtual)
	from, to, left := GP64(), GP64(), GP64()
	Label(line)
	MOVQ(src, from)
	MOVQ(dst, to)
	MOVQ(pieces, left)
	Label(piece)
	move(Mem{Base: from}, Mem{Base: to})
	ADDQ(Imm(uint64(size)), from)
	ADDQ(apart, to)
	DECQ(left)
	JNE(LabelRef(piece))
	ADDQ(stride, src)
	ADDQ(Imm(uint64(size)), dst)
	DECQ(n)
	JNE(LabelRef(line))
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
	from := places.Fours(src, stride, runs)
	Label("square")
	CMPQ(n, Imm(lanes))
	JLT(LabelRef("done"))
	v := make([]VecVirtual, 8)
	for i := range v {
		if i >= runs {
			v[i] = v[0] // any value
			continue
		}
		v[i] = YMM()
		VMOVUPS(from.At(i, 0), v[i])
	}
	for k, t := range transpose(v) {
		VMOVUPS(t, Mem{Base: dst, Disp: k * step})
	}
	from.Advance(Imm(bytes))
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
