// Command halves writes the products of a few rows of f32 and panels of f16,
// for AVX2 and for AVX-512.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	maxRows    = 6
	panelWidth = 16
	depth      = 4 // steps of k unrolled
)

// A tier is a width of vectors.
type tier struct {
	name     string
	lanes    int
	register func() VecVirtual
	panels   int // multiplied at once
	most     int // accumulators, so that there is room for what is multiplied
}

var tiers = []tier{
	{"AVX2", 8, func() VecVirtual { return YMM() }, 2, 12},
	{"AVX512", 16, func() VecVirtual { return ZMM() }, 4, 24},
}

func main() {
	ConstraintExpr("!purego")
	for _, t := range tiers {
		for rows := 1; rows <= maxRows; rows++ {
			t.tile(rows, 1)
			if t.vectors(rows, t.panels) <= t.most {
				t.tile(rows, t.panels)
			}
		}
	}
	Generate()
}

func (t tier) vectors(rows, panels int) int { return rows * panels * panelWidth / t.lanes }

// tile emits the product of rows rows of a, n long, and as many panels. Each
// vector of a panel is decoded once and multiplied by every row.
func (t tier) tile(rows, panels int) {
	name := fmt.Sprintf("mulHalves%dx%d%s", rows, panels, t.name)
	TEXT(name, NOSPLIT, "func(c *float32, ldc int, a *float32, row int, b *byte, apart, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d rows of a, n long, by %d panels of f16. row, apart and ldc are in bytes.", name, rows, panels))
	acc := make([]VecVirtual, t.vectors(rows, panels))
	for i := range acc {
		acc[i] = t.register()
		t.clear(acc[i])
	}
	t.multiply(rows, panels, acc)
	c := Load(Param("c"), GP64()).(GPVirtual)
	ldc := Load(Param("ldc"), GP64()).(GPVirtual)
	per := len(acc) / rows
	for i, v := range acc {
		if i > 0 && i%per == 0 {
			ADDQ(ldc, c)
		}
		VMOVUPS(v, Mem{Base: c, Disp: i % per * 4 * t.lanes})
	}
	VZEROUPPER()
	RET()
}

func (t tier) clear(v VecVirtual) {
	if t.lanes == 16 {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
}

// multiply emits the sums over n, depth steps at a time.
func (t tier) multiply(rows, panels int, acc []VecVirtual) {
	a, b := spaced("a", "row", rows), spaced("b", "apart", panels)
	n := Load(Param("n"), GP64()).(GPVirtual)
	Label("deep")
	CMPQ(n, Imm(depth))
	JLT(LabelRef("shallow"))
	for u := range depth {
		t.step(u, a, b, acc)
	}
	a.advance(4 * depth)
	b.advance(2 * panelWidth * depth)
	SUBQ(Imm(depth), n)
	JMP(LabelRef("deep"))
	Label("shallow")
	TESTQ(n, n)
	JE(LabelRef("multiplied"))
	t.step(0, a, b, acc)
	a.advance(4)
	b.advance(2 * panelWidth)
	DECQ(n)
	JMP(LabelRef("shallow"))
	Label("multiplied")
}

// step adds the products of element u of the rows and row u of the panels: all
// vectors of the first row, then of the next.
func (t tier) step(u int, a, b places, acc []VecVirtual) {
	per := panelWidth / t.lanes // vectors a panel
	width := b.n * per
	broadcast := func(i int) VecVirtual {
		v := t.register()
		VBROADCASTSS(a.at(i, 4*u), v)
		return v
	}
	decode := func(j int) VecVirtual {
		v := t.register()
		VCVTPH2PS(b.at(j/per, 2*panelWidth*u+2*t.lanes*(j%per)), v)
		return v
	}
	if a.n < width { // what is fewer stays in registers
		xs := list(a.n, broadcast)
		for j := range width {
			y := decode(j)
			for i, x := range xs {
				VFMADD231PS(y, x, acc[i*width+j])
			}
		}
		return
	}
	ys := list(width, decode)
	for i := range a.n {
		x := broadcast(i)
		for j, y := range ys {
			VFMADD231PS(y, x, acc[i*width+j])
		}
	}
}

func list(n int, f func(int) VecVirtual) []VecVirtual {
	v := make([]VecVirtual, n)
	for i := range v {
		v[i] = f(i)
	}
	return v
}

// places are n addresses, evenly spaced: every third has a register of its own.
type places struct {
	n      int
	bases  []GPVirtual
	stride GPVirtual
}

func spaced(first, stride string, n int) places {
	p := places{n, []GPVirtual{Load(Param(first), GP64()).(GPVirtual)}, Load(Param(stride), GP64()).(GPVirtual)}
	for i := 3; i < n; i += 3 {
		next := GP64()
		LEAQ(Mem{Base: p.stride, Index: p.stride, Scale: 2}, next)
		ADDQ(p.bases[len(p.bases)-1], next)
		p.bases = append(p.bases, next)
	}
	return p
}

// at returns the i-th place, disp bytes on.
func (p places) at(i, disp int) Mem {
	m := Mem{Base: p.bases[i/3], Disp: disp}
	if i%3 > 0 {
		m.Index, m.Scale = p.stride, uint8(i%3)
	}
	return m
}

func (p places) advance(by int) {
	for _, b := range p.bases {
		ADDQ(I32(int32(by)), b)
	}
}
