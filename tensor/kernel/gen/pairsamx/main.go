// Command pairsamx writes the products of pairs of bf16 with panels, and with strips of
// them, by the tiles of AMX.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/amx"
)

const (
	tileRows   = 16
	rowBytes   = 64                  // 16 pairs: a row of a panel
	panelBytes = tileRows * rowBytes // of 16 pairs a column: what a step takes
)

// Tiles: sums first, then those of a and of b.
const (
	firstA = amx.Tile(4)
	firstB = amx.Tile(6)
)

func main() {
	ConstraintExpr("!purego")
	for _, s := range []shape{{2, 2}, {1, 2}, {1, 1}} {
		mul(s)
	}
	mulMany()
	mulStrips()
	Generate()
}

// A shape is so many tiles of a's rows by so many panels.
type shape struct{ rows, panels int }

// The registers of a product. Rows of c and a that are 16 below, and the panel that
// follows, have one of their own.
type registers struct {
	c, a, panel           [2]GPPhysical
	ldc, row, width, left GPPhysical
	ahead                 GPPhysical // rows of c that are asked for
}

var regs = registers{
	c: [2]GPPhysical{RDI, R8}, a: [2]GPPhysical{RBX, R9}, panel: [2]GPPhysical{RDX, R10},
	ldc: RSI, row: RCX, width: R11, left: R12, ahead: R13,
}

// load loads what all products take.
func (r *registers) load() {
	Load(Param("tiles"), RAX)
	amx.Configure(RAX)
	Load(Param("c"), r.c[0])
	Load(Param("ldc"), r.ldc)
	Load(Param("a"), r.a[0])
	Load(Param("row"), r.row)
	Load(Param("panel"), r.panel[0])
	MOVQ(U32(rowBytes), r.width)
}

// mul emits the product of a shape, over steps of 16 pairs.
func mul(s shape) {
	name := fmt.Sprintf("mulPairs%dx%dAMX", s.rows, s.panels)
	TEXT(name, NOSPLIT, "func(tiles *[64]byte, c *float32, ldc int, a *float32, row int, panel *float32, apart, steps int, add bool)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d times 16 rows of a by %d panels, over steps of 16 pairs; tiles may be of fewer. Strides are in bytes.",
		name, s.rows, s.panels))
	r := regs
	r.load()
	Load(Param("steps"), r.left)
	if s.panels == 2 {
		Load(Param("apart"), r.panel[1])
		ADDQ(r.panel[0], r.panel[1])
	}
	r.product(s, "")
	amx.Release()
	RET()
}

// mulMany emits the product of many rows by many panels, in whole tiles.
func mulMany() {
	TEXT("mulPairsManyAMX", NOSPLIT, "func(tiles *[64]byte, c *float32, ldc int, a *float32, row, rows int, panel *float32, apart, panels, steps int, add bool)")
	Pragma("noescape")
	Doc("mulPairsManyAMX multiplies rows of a, a multiple of 16, by panels, a multiple of 2, over steps of 16 pairs. Strides are in bytes.")
	r := regs
	r.load()
	rows := R14
	Label("panels")
	Load(Param("c"), r.c[0])
	Load(Param("a"), r.a[0])
	Load(Param("rows"), rows)
	twice := func(label string, s shape, next string) {
		Label(label)
		CMPQ(rows, Imm(uint64(s.rows*tileRows)))
		JLT(LabelRef(next))
		Load(Param("panel"), r.panel[0])
		Load(Param("apart"), r.panel[1])
		ADDQ(r.panel[0], r.panel[1])
		Load(Param("steps"), r.left)
		MOVQ(r.c[0], r.ahead)
		r.product(s, label)
		// The pointers to a stand behind its last step.
		Load(Param("steps"), RAX)
		SHLQ(Imm(6), RAX)
		last := s.rows - 1
		SUBQ(RAX, r.a[last])
		MOVQ(r.row, RAX)
		SHLQ(Imm(4), RAX)
		LEAQ(Mem{Base: r.a[last], Index: RAX, Scale: 1}, r.a[0])
		MOVQ(r.ldc, RAX)
		SHLQ(Imm(4), RAX)
		LEAQ(Mem{Base: r.c[last], Index: RAX, Scale: 1}, r.c[0])
		SUBQ(Imm(uint64(s.rows*tileRows)), rows)
		JMP(LabelRef(label))
	}
	twice("two", shape{2, 2}, "one")
	twice("one", shape{1, 2}, "next")
	Label("next")
	ADDQ(Imm(2*rowBytes), NewParamAddr("c", 8))
	Load(Param("apart"), RAX)
	LEAQ(Mem{Base: RAX, Index: RAX, Scale: 1}, RAX)
	ADDQ(RAX, NewParamAddr("panel", 48))
	SUBQ(Imm(2), NewParamAddr("panels", 64))
	JG(LabelRef("panels"))
	amx.Release()
	RET()
}

// product emits the product of one shape; labels begin with a prefix.
func (r *registers) product(s shape, prefix string) {
	many := prefix != ""
	if s.rows == 2 {
		for _, p := range []struct{ first, next, stride GPPhysical }{{r.a[0], r.a[1], r.row}, {r.c[0], r.c[1], r.ldc}} {
			MOVQ(p.stride, p.next)
			SHLQ(Imm(4), p.next)
			ADDQ(p.first, p.next)
		}
	}
	as, cs, bs := r.a[:s.rows], r.c[:s.rows], r.panel[:s.panels]
	sum := func(i, p int) amx.Tile { return amx.Tile(2*i + p) }
	eachSum := func(f func(i, p int)) {
		for i := range as {
			for p := range bs {
				f(i, p)
			}
		}
	}
	Load(Param("add"), AL)
	TESTB(AL, AL)
	JE(LabelRef(prefix + "clear"))
	eachSum(func(i, p int) { amx.Load(cs[i], r.ldc, p*rowBytes, sum(i, p)) })
	JMP(LabelRef(prefix + "step"))
	Label(prefix + "clear")
	eachSum(func(i, p int) { amx.Zero(sum(i, p)) })
	Label(prefix + "step")
	for p, b := range bs {
		amx.Load(b, r.width, 0, firstB+amx.Tile(p))
	}
	for i, from := range as {
		amx.Load(from, r.row, 0, firstA+amx.Tile(i))
		for p := range bs {
			amx.DotPairs(firstA+amx.Tile(i), firstB+amx.Tile(p), sum(i, p))
		}
		if many { // rows of c come from afar
			amx.PrefetchToWrite(r.ahead, 0)
			amx.PrefetchToWrite(r.ahead, rowBytes)
			ADDQ(r.ldc, r.ahead)
		}
	}
	for _, from := range as {
		ADDQ(Imm(rowBytes), from)
	}
	for _, b := range bs {
		ADDQ(U32(panelBytes), b)
	}
	DECQ(r.left)
	JNE(LabelRef(prefix + "step"))
	eachSum(func(i, p int) { amx.Store(sum(i, p), cs[i], r.ldc, p*rowBytes) })
}

// mulStrips emits the product of few rows by strips, four at a time, whose sums stay in
// tiles: after whole steps comes one of what is left, in tiles of its own.
func mulStrips() {
	const abreast, lastA, lastB = 4, firstA + 1, firstB + 1
	TEXT("mulPairStripsAMX", NOSPLIT, "func(tiles *[64]byte, c *float32, ldc int, a *float32, row int, b *byte, apart, ahead, strips, steps, rest int)")
	Pragma("noescape")
	Doc("mulPairStripsAMX multiplies up to 16 rows of a by strips of pairs, over steps of 16 pairs and, if rest is not 0, one of fewer.",
		"It asks for what lies ahead. Strides are in bytes.")
	r := regs
	Load(Param("tiles"), RAX)
	amx.Configure(RAX)
	Load(Param("c"), r.c[0])
	Load(Param("ldc"), r.ldc)
	Load(Param("row"), r.row)
	MOVQ(U32(rowBytes), r.width)
	ahead, strips, apart := R13, R14, R8
	bs := []GPPhysical{RDX, R9, R10, R15}
	Load(Param("ahead"), ahead)
	Load(Param("strips"), strips)
	some := func(label string, n int, next string) {
		Label(label)
		CMPQ(strips, Imm(uint64(n)))
		JLT(LabelRef(next))
		Load(Param("a"), r.a[0])
		Load(Param("b"), bs[0])
		Load(Param("apart"), apart)
		for i := 1; i < n; i++ {
			LEAQ(Mem{Base: bs[i-1], Index: apart, Scale: 1}, bs[i])
		}
		for i := range n {
			amx.Zero(amx.Tile(i))
		}
		step := func(a, b amx.Tile) {
			amx.Load(r.a[0], r.row, 0, a)
			for i := range n {
				amx.Load(bs[i], r.width, 0, b)
				amx.DotPairs(a, b, amx.Tile(i))
			}
		}
		Load(Param("steps"), r.left)
		TESTQ(r.left, r.left)
		JE(LabelRef(label + "rest"))
		Label(label + "step")
		step(firstA, firstB)
		for i := range n {
			for line := range tileRows {
				PREFETCHT0(Mem{Base: bs[i], Index: ahead, Scale: 1, Disp: line * rowBytes})
			}
			ADDQ(U32(panelBytes), bs[i])
		}
		ADDQ(Imm(rowBytes), r.a[0])
		DECQ(r.left)
		JNE(LabelRef(label + "step"))
		Label(label + "rest")
		Load(Param("rest"), RAX)
		TESTQ(RAX, RAX)
		JE(LabelRef(label + "store"))
		step(lastA, lastB)
		Label(label + "store")
		for i := range n {
			amx.Store(amx.Tile(i), r.c[0], r.ldc, i*rowBytes)
		}
		ADDQ(U32(n*rowBytes), r.c[0])
		IMUL3Q(Imm(uint64(n)), apart, apart)
		ADDQ(apart, NewParamAddr("b", 40))
		SUBQ(Imm(uint64(n)), strips)
		JMP(LabelRef(label))
	}
	some("four", abreast, "one")
	some("one", 1, "done")
	Label("done")
	amx.Release()
	RET()
}
