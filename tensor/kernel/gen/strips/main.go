// Command strips writes, for AVX2 and for AVX-512, the products of a few rows of
// f32 and strips of a number format, decoded as they are multiplied.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/unroll"
)

const (
	maxRows    = 6
	panelBytes = 64
)

// A tier is a width of vectors.
type tier struct {
	name     string
	lanes    int
	wide     int // channels that are multiplied at once, if there are accumulators
	register func() VecVirtual
	most     int // accumulators, so that there is room for what is multiplied

	registers int
}

var tiers = []tier{
	{"AVX2", 8, 32, func() VecVirtual { return YMM() }, 12, 16},
	{"AVX512", 16, 64, func() VecVirtual { return ZMM() }, 24, 32},
}

func main() {
	ConstraintExpr("!purego")
	for _, t := range tiers {
		for _, f := range []format{f16, q8_0, q4_0} {
			for rows := 1; rows <= maxRows; rows++ {
				for _, strips := range stripsOf(t.wide / f.width) {
					if rows*strips*f.width/t.lanes <= t.most {
						t.tile(f, rows, strips)
					}
				}
			}
			t.decode(f)
		}
	}
	Generate()
}

// stripsOf lists how many strips a tile takes: one, or several.
func stripsOf(several int) []int {
	if several == 1 {
		return []int{1}
	}
	return []int{1, several}
}

// tile emits the product of rows rows of a, n long, and as many strips. Each
// vector of a strip is decoded once and multiplied by every row.
func (t tier) tile(f format, rows, strips int) {
	name := fmt.Sprintf("mul%sRows%dx%d%s", f.name, rows, strips, t.name)
	TEXT(name, NOSPLIT, "func(c *float32, ldc int, a *float32, row int, b *byte, apart, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d rows of a, n long, by %d strips. row, apart and ldc are in bytes.", name, rows, strips))
	acc := list(rows*strips*f.width/t.lanes, func(int) VecVirtual { return t.zero() })
	a, b := spaced("a", "row", rows), spaced("b", "apart", strips)
	d := f.decoder(t)
	unroll.Loop(Load(Param("n"), GP64()).(GPVirtual), func(u int) { t.step(d, f.bytes, u, a, b, acc) }, func(by int) {
		a.advance(4 * by)
		b.advance(f.bytes * by)
	})
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

// decode emits the decoding of n rows of a strip to panels of 16 columns.
func (t tier) decode(f format) {
	name := fmt.Sprintf("decode%sStrip%s", f.name, t.name)
	TEXT(name, NOSPLIT, "func(dst *float32, apart int, b *byte, n int)")
	Pragma("noescape")
	Doc(name + " decodes n rows of a strip to panels of 16 columns, apart bytes apart.")
	dst := spaced("dst", "apart", f.width/16)
	b := places{1, []GPVirtual{Load(Param("b"), GP64()).(GPVirtual)}, nil}
	d := f.decoder(t)
	per := 16 / t.lanes
	unroll.Loop(Load(Param("n"), GP64()).(GPVirtual), func(u int) {
		for j, v := range d(b.at(0, f.bytes*u)) {
			VMOVUPS(v(), dst.at(j/per, panelBytes*u+4*t.lanes*(j%per)))
		}
	}, func(by int) {
		dst.advance(panelBytes * by)
		b.advance(f.bytes * by)
	})
	VZEROUPPER()
	RET()
}

func (t tier) zero() VecVirtual {
	v := t.register()
	if t.lanes == 16 {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
	return v
}

// step adds the products of element u of the rows and row u of the strips: all
// vectors of the first row, then of the next.
func (t tier) step(d decoder, bytes, u int, a, b places, acc []VecVirtual) {
	width := len(acc) / a.n
	broadcast := func(i int) VecVirtual {
		v := t.register()
		VBROADCASTSS(a.at(i, 4*u), v)
		return v
	}
	if a.n >= width { // what is fewer stays in registers
		var ys []VecVirtual
		for s := range b.n {
			for _, decode := range d(b.at(s, bytes*u)) {
				ys = append(ys, decode())
			}
		}
		for i := range a.n {
			x := broadcast(i)
			for j, y := range ys {
				VFMADD231PS(y, x, acc[i*width+j])
			}
		}
		return
	}
	var xs []VecVirtual
	const others = 2 // a scale, and what is decoded
	if len(acc)+a.n+others <= t.registers {
		xs = list(a.n, broadcast)
	}
	j := 0
	for s := range b.n {
		for _, decode := range d(b.at(s, bytes*u)) {
			y := decode()
			for i := range a.n {
				if xs != nil {
					VFMADD231PS(y, xs[i], acc[i*width+j])
				} else {
					VFMADD231PS(y, broadcast(i), acc[i*width+j])
				}
			}
			j++
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
