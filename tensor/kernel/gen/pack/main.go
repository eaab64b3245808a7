// Command pack writes what lays blocks of files out as kernel's x16 and k16 do.
package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/k16"
	"limbeck/tensor/kernel/gen/places"
)

func main() {
	ConstraintExpr("!purego")
	packQuanta("packNibblesAVX2", 1)
	packQuanta("packBytesAVX2", 2)
	packRows("packHalvesAVX2", "the first 16 bits", packHalves)
	packRows("packFifthsAVX2", "what spreadFifths makes of the first 32 bits", packFifths)
	packWords("packWordsAVX2")
	for _, f := range k16.Formats {
		if f.High.Count == 1 {
			packRows("packBits"+strings.ToUpper(f.Name)+"AVX2", "what gatherBits makes of the first 32 bytes", packBits(f))
		}
	}
	packRows("packScalesIQ4_XSAVX2", "the scales", packScales)
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
	next := nextGroup(src, row)
	Label("block")
	for p := range parts {
		PREFETCHT1(Mem{Base: next, Disp: 64 * p})
		var x [4]VecVirtual
		for r := range x {
			x[r] = XMM()
			m := Mem{Base: [2]Register{src, src2}[r/2], Disp: 16 * p}
			if r%2 == 1 {
				m.Index, m.Scale = row, 1
			}
			VMOVDQU(m, x[r])
		}
		for i, q := range transposed(x, XMM) {
			VMOVDQU(q, Mem{Base: dst, Disp: 64 * (4*p + i)})
		}
	}
	for _, s := range []Register{src, src2} {
		ADDQ(in, s)
	}
	LEAQ(Mem{Base: next, Index: in, Scale: 4}, next)
	ADDQ(out, dst)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	RET()
}

// nextGroup returns where the rows of the next group begin that lie where src does
// in this one. The processor's own prefetcher does not follow 16 rows: what comes
// next is fetched in order, into the second cache, while these rows are packed.
func nextGroup(src, row Register) Register {
	next := GP64()
	MOVQ(row, next)
	SHLQ(Imm(4), next)
	ADDQ(src, next)
	return next
}

// packRows writes a loop over the blocks of 16 rows, of each of which pack packs
// something.
func packRows(name, what string, pack func(dst Register, rows places.Places)) {
	TEXT(name, NOSPLIT, "func(dst, src *byte, row, out, in, blocks int)")
	Pragma("noescape")
	Doc(name + " packs " + what + " of the blocks of 16 rows, row bytes apart, whose blocks have in bytes, to blocks of out bytes; blocks > 0.")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	row := Load(Param("row"), GP64())
	out := Load(Param("out"), GP64())
	in := Load(Param("in"), GP64())
	blocks := Load(Param("blocks"), GP64())
	rows := places.Fours(src, row, 16)
	Label("block")
	pack(dst, rows)
	rows.Advance(in)
	ADDQ(out, dst)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// packHalves puts the 16 bits at the blocks' heads side by side.
func packHalves(dst Register, rows places.Places) {
	for half := range 2 {
		x := XMM()
		VPXOR(x, x, x)
		for i := range 8 {
			VPINSRW(Imm(uint64(i)), rows.At(8*half+i, 0), x, x)
		}
		VMOVDQU(x, Mem{Base: dst, Disp: 16 * half})
	}
}

// packFifths is kernel's spreadFifths.
func packFifths(dst Register, rows places.Places) {
	for half := range 2 {
		v := eights(rows, half, 0)[0]
		for _, e := range []exchange{newExchange(14, 0x0000cccc), newExchange(7, 0x00aa00aa), newExchange(2, 0x0c0c0c0c), newExchange(1, 0x22222222)} {
			e.bits(v, v)
		}
		VMOVDQU(v, Mem{Base: dst, Disp: 32 * half})
	}
}

// packWords writes what puts words of the blocks of 16 rows side by side, four
// words at a time: kernel's fours.
func packWords(name string) {
	TEXT(name, NOSPLIT, "func(dst, src *byte, row, out, in, blocks int, list *[3]int, n int)")
	Pragma("noescape")
	Doc(name + " packs the words in a list of n fours of the blocks of 16 rows, row bytes apart, whose blocks have in bytes, to blocks of out bytes; blocks, n > 0.")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	row := Load(Param("row"), GP64())
	next, end := nextGroup(src, row), GP64()
	MOVQ(next, end)
	Label("block")
	size := Load(Param("in"), GP64())
	SHLQ(Imm(4), size)
	ADDQ(size, end)
	list := Load(Param("list"), GP64())
	n := Load(Param("n"), GP64())
	Label("fours")
	const from, to, less, listed = 0, 8, 16, 24
	first := GP64()
	MOVQ(Mem{Base: list, Disp: from}, first)
	ADDQ(src, first)
	rows := places.Fours(first, row, 16)
	lanes := GP64()
	MOVQ(Mem{Base: list, Disp: to}, lanes)
	ADDQ(dst, lanes)
	for i := range 4 { // as many bytes as these are
		PREFETCHT1(Mem{Base: next, Disp: 64 * i})
	}
	ADDQ(U32(4*64), next)
	y := [2][4]VecVirtual{eights(rows, 0, 0), eights(rows, 1, 0)}
	CMPQ(Mem{Base: list, Disp: less}, Imm(0))
	JNE(LabelRef("less"))
	for half := range y {
		VMOVDQU(y[half][0], Mem{Base: lanes, Disp: 32 * half})
	}
	Label("less")
	for half := range y {
		for i := 1; i < 4; i++ {
			VMOVDQU(y[half][i], Mem{Base: lanes, Disp: k16.WordBytes*i + 32*half})
		}
	}
	ADDQ(Imm(listed), list)
	DECQ(n)
	JNZ(LabelRef("fours"))
	Label("rest") // of as many bytes as 16 blocks are
	CMPQ(next, end)
	JCC(LabelRef("fetched"))
	PREFETCHT1(Mem{Base: next})
	ADDQ(Imm(64), next)
	JMP(LabelRef("rest"))
	Label("fetched")
	ADDQ(NewParamAddr("in", 32), src)
	ADDQ(NewParamAddr("out", 24), dst)
	DECQ(NewParamAddr("blocks", 40))
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// packBits returns what makes kernel's gatherBits of the first 8 words: words of
// high bits, which begin a format's steps.
func packBits(f k16.Format) func(dst Register, rows places.Places) {
	return func(dst Register, rows places.Places) {
		for half := range 2 {
			low, high := eights(rows, half, 0), eights(rows, half, 16)
			w := append(low[:], high[:]...)
			for _, e := range []exchange{newExchange(4, 0x0f0f0f0f), newExchange(2, 0x33333333), newExchange(1, 0x55555555)} {
				for i := range w {
					if i&e.shift == 0 {
						e.bits(w[i], w[i+e.shift])
					}
				}
			}
			made := len(w) / f.Steps()
			for i, v := range w {
				word := i/made*f.Words + i%made
				VMOVDQU(v, Mem{Base: dst, Disp: k16.WordBytes*word + 32*half})
			}
		}
	}
}

// packScales is kernel's scalesIQ4_XS: pairs of bits move to nibbles, by three
// exchanges of two bits of their index, and nibbles as they are packed, by two.
func packScales(dst Register, rows places.Places) {
	for half := range 2 {
		w := eights(rows, half, 0)
		high, low := w[0], w[1]
		VPSRLD(Imm(16), high, high)
		for _, e := range []exchange{newExchange(8, 0x0000ff00), newExchange(4, 0x00f000f0), newExchange(2, 0x0c0c0c0c)} {
			e.bits(high, high)
		}
		for _, e := range []exchange{newExchange(8, 0x0000ff00), newExchange(4, 0x00f000f0)} {
			e.bits(high, high)
			e.bits(low, low)
		}
		for i, v := range []VecVirtual{low, high} {
			VMOVDQU(v, Mem{Base: dst, Disp: k16.WordBytes*i + 32*half})
		}
	}
}

// An exchange is one of bits in every lane: those of one word under a mask, and
// those of another, shift bits on.
type exchange struct {
	shift int
	mask  VecVirtual
}

func newExchange(shift int, mask uint32) exchange {
	e, word, lane := exchange{shift, YMM()}, GP32(), XMM()
	MOVL(U32(mask), word)
	VMOVD(word, lane)
	VPBROADCASTD(lane, e.mask)
	return e
}

// bits exchanges those of low, shift bits on, and those of high, which may be the
// same word.
func (e exchange) bits(low, high VecVirtual) {
	t, shift := YMM(), Imm(uint64(e.shift))
	VPSRLD(shift, low, t)
	VPXOR(high, t, t)
	VPAND(e.mask, t, t)
	VPXOR(t, high, high)
	VPSLLD(shift, t, t)
	VPXOR(t, low, low)
}

// eights returns the four words at an offset of rows 0 to 7 or, for half 1, of
// rows 8 to 15: of each, eight lanes.
func eights(rows places.Places, half, offset int) [4]VecVirtual {
	var x [4]VecVirtual
	for i := range x {
		x[i] = YMM()
		// Not a load of 16 bytes: what it leaves of the register would count as used.
		VBROADCASTI128(rows.At(8*half+i, offset), x[i])
		VINSERTI128(Imm(1), rows.At(8*half+4+i, offset), x[i], x[i])
	}
	return transposed(x, YMM)
}

// transposed returns the columns of a matrix of 4×4 words, or of two of them
// side by side, in new registers.
func transposed(x [4]VecVirtual, register func() VecVirtual) [4]VecVirtual {
	var half, y [4]VecVirtual
	for i := range half {
		half[i], y[i] = register(), register()
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
