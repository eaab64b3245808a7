// Command pairsamx writes the products of pairs of bf16 with panels, and with strips of
// them, by the tiles of AMX.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/amx"
)

const (
	rowBytes   = amx.RowBytes // 16 pairs: a row of a panel
	panelBytes = amx.Bytes    // of 16 pairs a column: what a step takes
)

// Tiles: sums first, then those of a and of b.
const (
	firstA = amx.Tile(4)
	firstB = amx.Tile(6)
)

func main() {
	ConstraintExpr("!purego")
	mul()
	mulStrips()
	Generate()
}

// The registers of a product. Rows of c and a that are 16 below, and the panel that
// follows, have one of their own.
var (
	c, a, panel           = [2]GPPhysical{RDI, R8}, [2]GPPhysical{RBX, R9}, [2]GPPhysical{RDX, R10}
	ldc, row, width, left = RSI, RCX, R11, R12

	written = R13 // the rows of c that come next, and from afar
	tiles   = R14 // of rows that are left
)

// begin configures the tiles and loads what all products take.
func begin() {
	Load(Param("shape"), RAX)
	amx.Configure(RAX)
	Load(Param("c"), c[0])
	Load(Param("ldc"), ldc)
	Load(Param("row"), row)
	MOVQ(U32(rowBytes), width)
}

// mul emits the product of tiles of rows by panels: two by two, as long as there are so
// many, which loads each tile of a and of b for two products.
func mul() {
	TEXT("mulPairsAMX", NOSPLIT, "func(shape *[64]byte, c *float32, ldc int, a *float32, row, tiles int, panel *float32, apart, panels, steps int, add bool)")
	Pragma("noescape")
	Doc("mulPairsAMX multiplies so many tiles of rows of a by panels, over steps of pairs, all of the shape's sizes. Strides are in bytes.")
	begin()
	Label("panels")
	Load(Param("a"), a[0])
	Load(Param("tiles"), tiles)
	MOVQ(NewParamAddr("panels", atPanels), RAX)
	CMPQ(RAX, Imm(2))
	JLT(LabelRef("single"))
	rowsOf("twoByTwo", 2, 2, "oneByTwo")
	rowsOf("oneByTwo", 1, 2, "next")
	rowsOf("single", 1, 1, "done")
	Label("next")
	ADDQ(Imm(2*rowBytes), NewParamAddr("c", atC))
	Load(Param("c"), c[0])
	Load(Param("apart"), RAX)
	ADDQ(RAX, RAX)
	ADDQ(RAX, NewParamAddr("panel", atPanel))
	SUBQ(Imm(2), NewParamAddr("panels", atPanels))
	JG(LabelRef("panels"))
	Label("done")
	amx.Release()
	RET()
}

// Offsets of mul's parameters.
const (
	atC      = 8
	atPanel  = 48
	atPanels = 64
)

// rowsOf emits the loop of mul that takes so many tiles of rows by so many panels at once,
// and goes on to the label next where fewer are left.
func rowsOf(label string, rows, panels int, next string) {
	Label(label)
	CMPQ(tiles, Imm(uint64(rows)))
	JLT(LabelRef(next))
	Load(Param("panel"), panel[0])
	if panels == 2 {
		Load(Param("apart"), panel[1])
		ADDQ(panel[0], panel[1])
	}
	if rows == 2 {
		below(a[0], row, a[1])
		below(c[0], ldc, c[1])
	}
	below(c[rows-1], ldc, written)
	CMPQ(tiles, Imm(uint64(rows)))
	JNE(LabelRef(label + "asked"))
	Load(Param("c"), written)
	ADDQ(Imm(2*rowBytes), written)
	Label(label + "asked")
	Load(Param("steps"), left)
	product(label, rows, panels)
	Load(Param("steps"), RAX)
	SHLQ(Imm(6), RAX)
	SUBQ(RAX, a[rows-1]) // from behind its last step
	below(a[rows-1], row, a[0])
	below(c[rows-1], ldc, c[0])
	SUBQ(Imm(uint64(rows)), tiles)
	JMP(LabelRef(label))
}

// below emits that next is 16 rows below first.
func below(first, stride, next GPPhysical) {
	MOVQ(stride, RAX)
	SHLQ(Imm(4), RAX)
	LEAQ(Mem{Base: first, Index: RAX, Scale: 1}, next)
}

// product emits the product of so many tiles of rows by so many panels, whose sums are
// tiles 0 to 3.
func product(label string, rows, panels int) {
	sum := func(i, p int) amx.Tile { return amx.Tile(2*i + p) }
	eachSum := func(f func(i, p int)) {
		for i := range rows {
			for p := range panels {
				f(i, p)
			}
		}
	}
	Load(Param("add"), AL)
	TESTB(AL, AL)
	JE(LabelRef(label + "clear"))
	eachSum(func(i, p int) { amx.Load(c[i], ldc, p*rowBytes, sum(i, p)) })
	JMP(LabelRef(label + "step"))
	Label(label + "clear")
	eachSum(func(i, p int) { amx.Zero(sum(i, p)) })
	Label(label + "step")
	for p := range panels {
		amx.Load(panel[p], width, 0, firstB+amx.Tile(p))
	}
	for i := range rows {
		amx.Load(a[i], row, 0, firstA+amx.Tile(i))
		for p := range panels {
			amx.DotPairs(firstA+amx.Tile(i), firstB+amx.Tile(p), sum(i, p))
			amx.PrefetchToWrite(written, int8(p*rowBytes))
		}
		ADDQ(ldc, written)
	}
	for i := range rows {
		ADDQ(Imm(rowBytes), a[i])
	}
	for p := range panels {
		ADDQ(U32(panelBytes), panel[p])
	}
	DECQ(left)
	JNE(LabelRef(label + "step"))
	eachSum(func(i, p int) { amx.Store(sum(i, p), c[i], ldc, p*rowBytes) })
}

// mulStrips emits the product of few rows by strips, four at a time, whose sums stay in
// tiles: after whole steps comes one of what is left, in tiles of its own.
func mulStrips() {
	TEXT("mulPairStripsAMX", NOSPLIT, "func(shape *[64]byte, c *float32, ldc int, a *float32, row int, b *byte, apart, ahead, strips, steps, rest int)")
	Pragma("noescape")
	Doc("mulPairStripsAMX multiplies up to 16 rows of a by strips of pairs, over steps of 16 pairs and, if rest is not 0, one of fewer.",
		"It asks for what lies ahead. Strides are in bytes.")
	begin()
	Load(Param("ahead"), ahead)
	Load(Param("strips"), strips)
	stripsOf("four", 4, "one")
	stripsOf("one", 1, "done")
	Label("done")
	amx.Release()
	RET()
}

// The registers that only mulStrips has, and the offset of its b.
var (
	abreast       = []GPPhysical{RDX, R9, R10, R15} // strips
	ahead, strips = R13, R14
	apart         = R8
)

const atB = 40

// stripsOf emits the loop of mulStrips that takes so many strips at once, and goes on to
// the label next where fewer are left.
func stripsOf(label string, n int, next string) {
	Label(label)
	CMPQ(strips, Imm(uint64(n)))
	JLT(LabelRef(next))
	Load(Param("a"), a[0])
	Load(Param("apart"), apart)
	Load(Param("b"), abreast[0])
	for i := 1; i < n; i++ {
		LEAQ(Mem{Base: abreast[i-1], Index: apart, Scale: 1}, abreast[i])
	}
	for i := range n {
		amx.Zero(amx.Tile(i))
	}
	step := func(rows, pairs amx.Tile) {
		amx.Load(a[0], row, 0, rows)
		for i, b := range abreast[:n] {
			amx.Load(b, width, 0, pairs)
			amx.DotPairs(rows, pairs, amx.Tile(i))
		}
	}
	Load(Param("steps"), left)
	TESTQ(left, left)
	JE(LabelRef(label + "rest"))
	Label(label + "step")
	step(firstA, firstB)
	for _, b := range abreast[:n] {
		for line := range amx.Rows {
			PREFETCHT0(Mem{Base: b, Index: ahead, Scale: 1, Disp: line * rowBytes})
		}
		ADDQ(U32(panelBytes), b)
	}
	ADDQ(Imm(rowBytes), a[0])
	DECQ(left)
	JNE(LabelRef(label + "step"))
	Label(label + "rest")
	Load(Param("rest"), RAX)
	TESTQ(RAX, RAX)
	JE(LabelRef(label + "store"))
	step(firstA+1, firstB+1)
	Label(label + "store")
	for i := range n {
		amx.Store(amx.Tile(i), c[0], ldc, i*rowBytes)
	}
	ADDQ(U32(n*rowBytes), c[0])
	IMUL3Q(Imm(uint64(n)), apart, apart)
	ADDQ(apart, NewParamAddr("b", atB))
	SUBQ(Imm(uint64(n)), strips)
	JMP(LabelRef(label))
}
