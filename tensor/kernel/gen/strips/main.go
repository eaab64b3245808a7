// Command strips writes, for AVX2 and for AVX-512, the products of a few rows of
// f32 and strips of a number format, decoded as they are multiplied.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/unroll"
)

const (
	maxRows    = 6
	panelBytes = 64
	lineBytes  = 64
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
	fetch()
	Generate()
}

// fetch writes the routine that asks for lines of memory.
func fetch() {
	TEXT("fetchAVX2", NOSPLIT, "func(p *byte, n, apart, strips int)")
	Pragma("noescape")
	Doc("fetchAVX2 asks for the lines of n bytes, at least one, in each of some strips, at least one, that are apart bytes apart.")
	strip, apart, strips := load("p"), load("apart"), load("strips")
	Label("strip")
	p, n := GP64(), load("n")
	MOVQ(strip, p)
	Label("line")
	PREFETCHT0(Mem{Base: p})
	ADDQ(Imm(lineBytes), p)
	SUBQ(Imm(lineBytes), n)
	JG(LabelRef("line"))
	ADDQ(apart, strip)
	DECQ(strips)
	JG(LabelRef("strip"))
	RET()
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
	TEXT(name, NOSPLIT, "func(c *float32, ldc int, a *float32, row int, b *byte, apart, ahead, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d rows of a, n long, by %d strips, and asks for what lies ahead. row, apart, ahead and ldc are in bytes.", name, rows, strips))
	acc := list(rows*strips*f.width/t.lanes, func(int) VecVirtual { return t.zero() })
	a := places.From(load("a"), load("row"), rows)
	b, next := places.Two(load("b"), load("apart"), load("ahead"), strips)
	d := f.decoder(t)
	unroll.Loop(load("n"), func(u int) {
		if at := f.bytes * u; u == 0 || at/lineBytes > (at-f.bytes)/lineBytes { // about once a line
			for s := range strips {
				// A hint of a farther cache is dropped where many are on their way.
				PREFETCHT0(next.At(s, at))
			}
		}
		t.step(d, f.bytes, u, a, b, acc)
	}, func(by int) {
		a.Advance(I32(int32(4 * by)))
		b.Advance(I32(int32(f.bytes * by)))
		next.Advance(I32(int32(f.bytes * by)))
	})
	c, ldc := load("c"), load("ldc")
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
	dst := places.From(load("dst"), load("apart"), f.width/16)
	b := load("b")
	d := f.decoder(t)
	per := 16 / t.lanes
	unroll.Loop(load("n"), func(u int) {
		for j, v := range d(Mem{Base: b, Disp: f.bytes * u}) {
			VMOVUPS(v(), dst.At(j/per, panelBytes*u+4*t.lanes*(j%per)))
		}
	}, func(by int) {
		dst.Advance(I32(int32(panelBytes * by)))
		ADDQ(I32(int32(f.bytes*by)), b)
	})
	VZEROUPPER()
	RET()
}

func load(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

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
func (t tier) step(d decoder, bytes, u int, a, b places.Places, acc []VecVirtual) {
	width := len(acc) / a.N
	broadcast := func(i int) VecVirtual {
		v := t.register()
		VBROADCASTSS(a.At(i, 4*u), v)
		return v
	}
	if a.N >= width { // what is fewer stays in registers
		var ys []VecVirtual
		for s := range b.N {
			for _, decode := range d(b.At(s, bytes*u)) {
				ys = append(ys, decode())
			}
		}
		for i := range a.N {
			x := broadcast(i)
			for j, y := range ys {
				VFMADD231PS(y, x, acc[i*width+j])
			}
		}
		return
	}
	var xs []VecVirtual
	const others = 2 // a scale, and what is decoded
	if len(acc)+a.N+others <= t.registers {
		xs = list(a.N, broadcast)
	}
	j := 0
	for s := range b.N {
		for _, decode := range d(b.At(s, bytes*u)) {
			y := decode()
			for i := range a.N {
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
