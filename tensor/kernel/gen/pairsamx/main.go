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
	Generate()
}

// A shape is so many tiles of a's rows by so many panels.
type shape struct{ rows, panels int }

// mul emits the product of a shape, over steps of 16 pairs.
func mul(s shape) {
	name := fmt.Sprintf("mulPairs%dx%dAMX", s.rows, s.panels)
	TEXT(name, NOSPLIT, "func(tiles *[64]byte, c *float32, ldc int, a *float32, row int, panel *float32, apart, steps int, add bool)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d times 16 rows of a by %d panels, over steps of 16 pairs; tiles may be of fewer. Strides are in bytes.",
		name, s.rows, s.panels))
	Load(Param("tiles"), RAX)
	amx.Configure(RAX)
	c, ldc, a, row, panel, apart, steps := RDI, RSI, RBX, RCX, RDX, R8, R9
	Load(Param("c"), c)
	Load(Param("ldc"), ldc)
	Load(Param("a"), a)
	Load(Param("row"), row)
	Load(Param("panel"), panel)
	Load(Param("steps"), steps)
	below, nextA, nextPanel, width := R10, R11, R12, R13
	if s.rows == 2 {
		MOVQ(row, nextA)
		SHLQ(Imm(4), nextA)
		ADDQ(a, nextA)
		MOVQ(ldc, below)
		SHLQ(Imm(4), below)
		ADDQ(c, below)
	}
	if s.panels == 2 {
		Load(Param("apart"), apart)
		LEAQ(Mem{Base: panel, Index: apart, Scale: 1}, nextPanel)
	}
	MOVQ(U32(rowBytes), width)
	as, cs, bs := []GPPhysical{a, nextA}[:s.rows], []GPPhysical{c, below}[:s.rows], []GPPhysical{panel, nextPanel}[:s.panels]
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
	JE(LabelRef("clear"))
	eachSum(func(i, p int) { amx.Load(cs[i], ldc, p*rowBytes, sum(i, p)) })
	JMP(LabelRef("step"))
	Label("clear")
	eachSum(func(i, p int) { amx.Zero(sum(i, p)) })
	Label("step")
	for p, b := range bs {
		amx.Load(b, width, 0, firstB+amx.Tile(p))
	}
	for i, from := range as {
		amx.Load(from, row, 0, firstA+amx.Tile(i))
		for p := range bs {
			amx.DotPairs(firstA+amx.Tile(i), firstB+amx.Tile(p), sum(i, p))
		}
	}
	for _, from := range as {
		ADDQ(Imm(rowBytes), from)
	}
	for _, b := range bs {
		ADDQ(U32(panelBytes), b)
	}
	DECQ(steps)
	JNE(LabelRef("step"))
	eachSum(func(i, p int) { amx.Store(sum(i, p), cs[i], ldc, p*rowBytes) })
	amx.Release()
	RET()
}
