package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/unroll"
)

// zmm are the vector registers by number. The kernels name theirs, since the
// allocator does not see into the instruction that Go's assembler lacks.
var zmm = []VecPhysical{
	Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
}

// vdpbf16ps emits acc += the dot products of the pairs of a and b:
// EVEX.512.F3.0F38.W0 52 /r (Intel SDM, VDPBF16PS).
func vdpbf16ps(a, b, acc int) { evex("VDPBF16PS", prefixF3, 0x52, b, a, acc) }

// vcvtne2ps2bf16 emits dst = the 16 floats of low, then those of high, rounded
// to bf16: EVEX.512.F2.0F38.W0 72 /r (Intel SDM, VCVTNE2PS2BF16).
func vcvtne2ps2bf16(low, high, dst int) { evex("VCVTNE2PS2BF16", prefixF2, 0x72, low, high, dst) }

const (
	prefixF3 = 2
	prefixF2 = 3
)

// evex emits an instruction of the map 0F38 on whole registers that neither Go's
// assembler nor avo knows. Operands are in the order of Go's assembler.
func evex(name string, prefix, opcode uint64, b, a, dst int) {
	not := func(v, bit int) uint64 { return uint64(^v >> bit & 1) } // EVEX inverts register bits
	p0 := not(dst, 3)<<7 | not(b, 4)<<6 | not(b, 3)<<5 | not(dst, 4)<<4 | 2
	p1 := uint64(^a&15)<<3 | 1<<2 | prefix
	p2 := uint64(2)<<5 | not(a, 4)<<3
	modrm := uint64(3<<6 | dst&7<<3 | b&7)
	Comment(fmt.Sprintf("%s Z%d, Z%d, Z%d", name, b, a, dst))
	Instruction(&ir.Instruction{Opcode: "LONG", Operands: []Op{U32(0x62 | p0<<8 | p1<<16 | p2<<24)}})
	Instruction(&ir.Instruction{Opcode: "WORD", Operands: []Op{U16(opcode | modrm<<8)}})
}

// tile512 emits the product of that many blocks of 6 rows and one panel or two.
// Accumulators come first, row by row, then the panels' rows, then the broadcast
// pairs in what is left.
func tile512(blocks, panels int) {
	rows := blocks * blockRows
	name, params, by := fmt.Sprintf("mulPairs%dBF16", rows), signature, "a panel of 16 columns"
	if panels == 2 {
		name, by = fmt.Sprintf("mulPairs%dx2BF16", rows), "two panels of 16 columns, next bytes apart"
		params = strings.TrimSuffix(signature, ")") + ", next int)"
	}
	begin(name, params, fmt.Sprintf("multiplies %d rows of a, whose blocks of 6 are apart bytes apart, by %s, over n pairs. Strides are in bytes.", rows, by))
	c, ldc, add := load("c"), load("ldc"), Load(Param("add"), GP8())
	stride, col, first := load("row"), load("col"), load("a")
	as := []places.Places{places.From(first, stride, blockRows)}
	if blocks == 2 {
		second := load("apart")
		ADDQ(first, second)
		as = append(as, places.From(second, stride, blockRows))
	}
	bs := []GPVirtual{load("panel")}
	if panels == 2 {
		next := load("next")
		ADDQ(bs[0], next)
		bs = append(bs, next)
	}
	eachRow := func(first GPVirtual, f func(m Mem, acc int)) {
		row := GP64()
		MOVQ(first, row)
		for i := range rows {
			for p := range panels {
				f(Mem{Base: row, Disp: p * panelBytes}, i*panels+p)
			}
			ADDQ(ldc, row)
		}
	}
	below := GP64() // the tile that most often follows: c comes from afar
	IMUL3Q(Imm(uint64(rows)), ldc, below)
	ADDQ(c, below)
	eachRow(below, func(m Mem, _ int) { PREFETCHT0(m) })
	n := load("n")
	TESTB(add, add)
	JE(LabelRef("clear"))
	eachRow(c, func(m Mem, acc int) { VMOVUPS(m, zmm[acc]) })
	JMP(LabelRef("deep"))
	Label("clear")
	clear512(rows * panels)
	b := rows * panels
	x := b + panels
	unroll.Loop(n, func(u int) {
		for p, panel := range bs {
			VMOVUPS(Mem{Base: panel, Disp: u * panelBytes}, zmm[b+p])
		}
		for i := range rows {
			v := x + i%(len(zmm)-x)
			VPBROADCASTD(as[i/blockRows].At(i%blockRows, 0), zmm[v])
			for p := range panels {
				vdpbf16ps(b+p, v, i*panels+p)
			}
		}
		for _, a := range as {
			a.Advance(col)
		}
	}, func(by int) {
		for _, panel := range bs {
			ADDQ(I32(int32(by*panelBytes)), panel)
		}
	})
	eachRow(c, func(m Mem, acc int) { VMOVUPS(zmm[acc], m) })
	VZEROUPPER()
	RET()
}

func clear512(n int) {
	for i := range n {
		VPXORD(zmm[i], zmm[i], zmm[i])
	}
}

// strips512 emits the product of some rows and strips of pairs. Accumulators come
// first, then a strip's pairs, then each row's broadcast pair.
func strips512(rows, strips int) {
	begin(fmt.Sprintf("mulPairStrips%dx%dBF16", rows, strips), "func(c *float32, ldc int, a *float32, row int, b *byte, apart, ahead, n int)",
		fmt.Sprintf("multiplies %d rows of a by %d strips of pairs, over n pairs, and asks for what lies ahead. row, apart, ahead and ldc are in bytes.", rows, strips))
	a := places.From(load("a"), load("row"), rows)
	b, next := places.Two(load("b"), load("apart"), load("ahead"), strips)
	clear512(rows * strips)
	y := rows * strips
	unroll.Loop(load("n"), func(u int) {
		for i := range rows {
			VPBROADCASTD(a.At(i, 4*u), zmm[y+1+i])
		}
		for s := range strips {
			PREFETCHT0(next.At(s, panelBytes*u)) // as strips do
			VMOVUPS(b.At(s, panelBytes*u), zmm[y])
			for i := range rows {
				vdpbf16ps(y, y+1+i, i*strips+s)
			}
		}
	}, func(by int) {
		a.Advance(I32(int32(4 * by)))
		b.Advance(I32(int32(panelBytes * by)))
		next.Advance(I32(int32(panelBytes * by)))
	})
	c, ldc := load("c"), load("ldc")
	for i := range rows {
		for s := range strips {
			VMOVUPS(zmm[i*strips+s], Mem{Base: c, Disp: s * panelBytes})
		}
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
}

// round512 emits the rounding of rows of floats to bf16.
func round512() {
	begin("roundPairsBF16", "func(dst *float32, dstStride int, x *float32, stride, rows, n int)",
		"rounds rows of 32·n floats to bf16; strides are in bytes, rows and n > 0. Those below the least normal one become 0.")
	dst, dstStride, x, stride, rows, n := load("dst"), load("dstStride"), load("x"), load("stride"), load("rows"), load("n")
	out, in, left := GP64(), GP64(), GP64()
	Label("row")
	MOVQ(dst, out)
	MOVQ(x, in)
	MOVQ(n, left)
	unroll.Loop(left, func(u int) {
		v := 2 * u
		VMOVUPS(Mem{Base: in, Disp: 2 * panelBytes * u}, zmm[v])
		VMOVUPS(Mem{Base: in, Disp: 2*panelBytes*u + panelBytes}, zmm[v+1])
		vcvtne2ps2bf16(v, v+1, v)
		VMOVUPS(zmm[v], Mem{Base: out, Disp: panelBytes * u})
	}, func(by int) {
		ADDQ(I32(int32(panelBytes*by)), out)
		ADDQ(I32(int32(2*panelBytes*by)), in)
	})
	ADDQ(dstStride, dst)
	ADDQ(stride, x)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// rowsAhead is how many rows vectors512 fetches ahead: rows that lie apart are no
// stream that the processor would see.
const rowsAhead = 16

// vectors512 emits the rounding of pairs of rows. For each pair it serves all
// vectors, so that a page of src is looked up once.
func vectors512() {
	begin("pairVectorsBF16", "func(dst *float32, apart, step int, src *float32, stride, n, vectors int)",
		"is pairVectorsGeneric with strides in bytes; n and vectors > 0. What is below the least normal float becomes 0.")
	dst, apart, step := load("dst"), load("apart"), load("step")
	src, stride, n, vectors := load("src"), load("stride"), load("n"), load("vectors")
	const low, high, order = 0, 1, 2
	VMOVDQU32(pairsNeighbors(), zmm[order])
	from, to, left := GP64(), GP64(), GP64()
	ahead := []GPVirtual{GP64(), GP64()}
	IMUL3Q(Imm(rowsAhead), stride, ahead[0])
	LEAQ(Mem{Base: ahead[0], Index: stride, Scale: 1}, ahead[1])
	Label("pair")
	MOVQ(src, from)
	MOVQ(dst, to)
	MOVQ(vectors, left)
	Label("vector")
	for _, rows := range ahead {
		PREFETCHT0(Mem{Base: from, Index: rows, Scale: 1})
	}
	VMOVUPS(Mem{Base: from}, zmm[low])
	VMOVUPS(Mem{Base: from, Index: stride, Scale: 1}, zmm[high])
	vcvtne2ps2bf16(low, high, low)
	VPERMW(zmm[low], zmm[order], zmm[low])
	VMOVUPS(zmm[low], Mem{Base: to})
	ADDQ(Imm(panelBytes), from)
	ADDQ(apart, to)
	DECQ(left)
	JNE(LabelRef("vector"))
	LEAQ(Mem{Base: src, Index: stride, Scale: 2}, src)
	ADDQ(step, dst)
	DECQ(n)
	JNE(LabelRef("pair"))
	VZEROUPPER()
	RET()
}

// pairsNeighbors returns, in memory, the order that makes pairs of 16 words of one row and
// of the 16 of another that follow them.
func pairsNeighbors() Mem {
	return constants.Vector("pairsNeighbors", 16, func(i int) Constant { return U32(i | (16+i)<<16) })
}

// column512 emits the rounding of floats to pairs that lie a panel's row apart.
func column512() {
	begin("pairColumnBF16", "func(dst, x *float32, n int)", "is pairColumnGeneric for 16·n pairs; n > 0. What is below the least normal float becomes 0.")
	dst, x, n := load("dst"), load("x"), load("n")
	pairs, pair := AllocLocal(panelBytes), GP32()
	Label("square")
	VMOVUPS(Mem{Base: x}, zmm[0])
	VMOVUPS(Mem{Base: x, Disp: panelBytes}, zmm[1])
	vcvtne2ps2bf16(0, 1, 0)
	VMOVUPS(zmm[0], pairs)
	for k := range panelBytes / wordBytes {
		MOVL(pairs.Offset(k*wordBytes), pair)
		MOVL(pair, Mem{Base: dst, Disp: k * panelBytes})
	}
	ADDQ(I32(2*panelBytes), x)
	ADDQ(I32(panelBytes*panelBytes/wordBytes), dst)
	DECQ(n)
	JNE(LabelRef("square"))
	VZEROUPPER()
	RET()
}

// halves512 emits the rounding of floats to the low or the high halves of pairs.
func halves512() {
	begin("pairHalvesBF16", "func(dst *float32, apart int, x *float32, n int, high bool)",
		"is pairHalvesGeneric for n vectors of 16, apart bytes apart; n > 0. What is below the least normal float becomes 0.")
	dst, apart, x, n, high := load("dst"), load("apart"), load("x"), load("n"), Load(Param("high"), GP8())
	const v, zero, old, lows = 0, 1, 2, 3
	VPXORD(zmm[zero], zmm[zero], zmm[zero])
	VMOVDQU32(constants.Vector("pairsLows", 16, func(int) Constant { return U32(0xffff) }), zmm[lows])
	half := func(label string, join func()) {
		Label(label)
		VMOVUPS(Mem{Base: x}, zmm[v])
		vcvtne2ps2bf16(v, zero, v)
		VPMOVZXWD(Y0, zmm[v])
		join()
		VMOVUPS(zmm[v], Mem{Base: dst})
		ADDQ(I32(panelBytes), x)
		ADDQ(apart, dst)
		DECQ(n)
		JNE(LabelRef(label))
		VZEROUPPER()
		RET()
	}
	TESTB(high, high)
	JNE(LabelRef("highs"))
	half("lows", func() {})
	half("highs", func() {
		VPANDD(Mem{Base: dst}, zmm[lows], zmm[old])
		VPSLLD(U8(16), zmm[v], zmm[v])
		VPORD(zmm[old], zmm[v], zmm[v])
	})
}

// runsAhead is how far ahead runs512 asks for each run: more streams than a processor sees.
const runsAhead = 512

// runs512 emits the packing of 16 runs: squares of 16×16 pairs are transposed.
func runs512() {
	begin("pairRunsBF16", "func(dst, src *float32, stride, n int)",
		"is pairRunsGeneric for 16·n pairs, stride in bytes; n > 0. What is below the least normal float becomes 0.")
	dst, src, n := load("dst"), load("src"), load("n")
	const w = 16
	runs := places.From(src, load("stride"), w)
	Label("square")
	for i := range w {
		VMOVUPS(runs.At(i, 0), zmm[i])
		VMOVUPS(runs.At(i, panelBytes), zmm[w+i])
		for line := range 2 {
			PREFETCHT0(runs.At(i, runsAhead+line*panelBytes))
		}
		vcvtne2ps2bf16(i, w+i, i)
	}
	transpose512()
	for k := range w {
		VMOVUPS(zmm[k], Mem{Base: dst, Disp: k * panelBytes})
	}
	runs.Advance(I32(2 * panelBytes))
	ADDQ(I32(w*panelBytes), dst)
	DECQ(n)
	JNE(LabelRef("square"))
	VZEROUPPER()
	RET()
}

// transpose512 transposes the words of registers 0 to 15, in four stages that go to and
// fro between the halves of the registers.
func transpose512() {
	const w = 16
	for i := 0; i < w; i += 2 { // rows two by two: columns 0, 1 and 2, 3 of each lane
		VUNPCKLPS(zmm[i+1], zmm[i], zmm[w+i])
		VUNPCKHPS(zmm[i+1], zmm[i], zmm[w+i+1])
	}
	for i := 0; i < w; i += 4 { // rows four by four: a lane is of one column
		for c := range 2 {
			VUNPCKLPD(zmm[w+i+2+c], zmm[w+i+c], zmm[i+2*c])
			VUNPCKHPD(zmm[w+i+2+c], zmm[w+i+c], zmm[i+2*c+1])
		}
	}
	lanes := func(from, to int) { // of vectors from and from+4, from+8 and from+12: even, then odd
		for h := range 2 {
			VSHUFF32X4(U8(0x88), zmm[from+8*h+4], zmm[from+8*h], zmm[to+8*h])
			VSHUFF32X4(U8(0xdd), zmm[from+8*h+4], zmm[from+8*h], zmm[to+8*h+4])
		}
	}
	for c := range 4 {
		lanes(c, w+c)
	}
	for c := range 4 { // columns c and 8+c, then 4+c and 12+c
		for odd := range 2 {
			x, y := w+c+4*odd, w+c+4*odd+8
			VSHUFF32X4(U8(0x88), zmm[y], zmm[x], zmm[c+4*odd])
			VSHUFF32X4(U8(0xdd), zmm[y], zmm[x], zmm[c+4*odd+8])
		}
	}
}

// turned512 emits the rounding of columns to pairs along rows: squares of 16×16 pairs are
// transposed. Those of the same rows of src follow each other, so that what is read does.
func turned512() {
	begin("pairTurnedBF16", "func(dst *float32, dstStride int, src *float32, stride, n int)",
		"is pairTurnedGeneric for 16·n rows of 16 pairs, strides in bytes; n > 0. What is below the least normal float becomes 0.")
	const w, order = 16, 31
	src, stride, n := load("src"), load("stride"), load("n")
	rows := places.From(load("dst"), load("dstStride"), w)
	from, ahead, next, down := GP64(), GP64(), GP64(), GP64()
	MOVQ(stride, ahead)
	SHLQ(Imm(5), ahead) // the rows of the next squares
	LEAQ(Mem{Base: ahead, Index: stride, Scale: 1}, next)
	MOVQ(load("dstStride"), down)
	SHLQ(Imm(4), down)
	Label("square")
	VMOVDQU32(pairsNeighbors(), zmm[order])
	MOVQ(src, from)
	for p := range w {
		VMOVUPS(Mem{Base: from}, zmm[p])
		VMOVUPS(Mem{Base: from, Index: stride, Scale: 1}, zmm[w+p%8])
		PREFETCHT0(Mem{Base: from, Index: ahead, Scale: 1})
		PREFETCHT0(Mem{Base: from, Index: next, Scale: 1})
		LEAQ(Mem{Base: from, Index: stride, Scale: 2}, from)
		vcvtne2ps2bf16(p, w+p%8, p)
		VPERMW(zmm[p], zmm[order], zmm[p])
	}
	transpose512()
	for i := range w {
		VMOVUPS(zmm[i], rows.At(i, 0))
	}
	rows.Advance(down)
	ADDQ(Imm(panelBytes), src)
	DECQ(n)
	JNE(LabelRef("square"))
	VZEROUPPER()
	RET()
}

// peak512 emits a loop of dot products that touch no memory: the limit of the
// machine.
func peak512() {
	TEXT("peakPairsBF16", NOSPLIT, "func(n int)")
	Pragma("noescape")
	Doc("peakPairsBF16 does n×12 vectors of 16 dot products of pairs, for benchmarks to compare with.")
	n := load("n")
	for i := range 13 {
		VPXORD(zmm[i], zmm[i], zmm[i])
	}
	Label("next")
	for i := range 12 {
		vdpbf16ps(12, 12, i)
	}
	DECQ(n)
	JG(LabelRef("next"))
	VZEROUPPER()
	RET()
}
