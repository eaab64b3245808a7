package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/x16"
)

// A tile is the state of one kernel: n activation rows by 16 weight rows.
type tile struct {
	x16.Format
	n     int
	x, y  places.Places
	w     Register
	acc   [][2]VecVirtual // sums of a block, by activation row and half of the 16 lanes
	yacc  [2]VecVirtual   // n = 1 keeps its outputs in registers
	mask  Op              // 15 in every byte
	ones  Op              // 1 in every 16-bit word
	part  Mem             // first half's sums, where blocks are halved
	plain Register        // the block as matMulMany unpacks it; nil for a packed one
}

// matMul writes a kernel whose arithmetic is kernel's matMulGeneric.
func matMul(f x16.Format, n int) {
	name := fmt.Sprintf("%sx16n%d", f.Name, n)
	TEXT(name, NOSPLIT, x16.Signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d activation rows by groups of 16 rows of %s.", name, n, f.Name),
		"Strides are in bytes; lanes leave out outputs of a single group.")
	t := &tile{Format: f, n: n}
	if t.halved() {
		t.part = AllocLocal(n * 64)
	}
	copyLanes := x16.WholeOutputs(n)
	t.w, t.y, t.x = operands(n)
	t.constants()
	t.acc = vectors(n)
	x16.OverGroups([]Register{t.w}, t.x, f.Block(), x16.Q8Bytes, t.clear, func() {
		t.block()
		t.x.Advance(Imm(x16.Q8Bytes))
	}, func() {
		t.finish()
		t.y.Advance(Imm(64))
	})
	copyLanes()
	VZEROUPPER()
	RET()
}

// operands loads the operands of a kernel with n activation rows, which has the
// outputs' rows addressed beside those: see [x16.Operands].
func operands(n int) (w Register, y, x places.Places) {
	first := Load(Param("y"), GP64())
	ldy := Load(Param("ldy"), GP64())
	from := Load(Param("x"), GP64())
	ldx := Load(Param("ldx"), GP64())
	w = Load(Param("w"), GP64())
	return w, places.Fours(first, ldy, n), places.Fours(from, ldx, n)
}

// constants loads what is used often and leaves the rest in memory.
func (t *tile) constants() {
	t.mask, t.ones = filled("nibbles", 0x0f0f0f0f), filled("ones", 0x00010001)
	often := &t.mask
	if t.Signed() {
		often = &t.ones
	}
	v := YMM()
	VMOVDQU(*often, v)
	*often = v
}

// filled returns 32 bytes of a repeated word, under that name.
func filled(name string, word uint32) Mem { return constants.Words("x16"+name, 8, word) }

func (t *tile) clear() {
	if t.n == 1 {
		t.yacc = [2]VecVirtual{YMM(), YMM()}
		for _, v := range t.yacc {
			VPXOR(v, v, v)
		}
		return
	}
	zero := YMM()
	VPXOR(zero, zero, zero)
	for i := range t.n {
		VMOVUPS(zero, t.y.At(i, 0))
		VMOVUPS(zero, t.y.At(i, 32))
	}
}

func (t *tile) finish() {
	if t.n == 1 {
		VMOVUPS(t.yacc[0], t.y.At(0, 0))
		VMOVUPS(t.yacc[1], t.y.At(0, 32))
	}
}

func (t *tile) block() {
	ahead := x16.AheadAVX2
	if t.Slow() {
		ahead = x16.AheadSlowAVX2
	}
	x16.FetchAVX2(t.n, ahead, t.w, 0, t.Block())
	if t.Signed() {
		t.sumBytes()
	} else {
		t.sumNibbles()
	}
	t.scale()
}

// halved reports whether quanta go up to 31 rather than 15.
func (t *tile) halved() bool { return t.Bits == 5 || t.Table != nil && !t.Signed() }

// sumNibbles leaves Σ q·x in acc, as int32. A pair of products is at most
// 2·15·127, or 2·31·127: 16 bits hold 8 pairs, or 4.
func (t *tile) sumNibbles() {
	for pass := range 8 {
		j, high := pass/2, pass%2 == 1
		first := pass == 0 || t.halved() && pass == 4
		w := t.unpack(j, high)
		for i := range t.n {
			b := YMM()
			VPBROADCASTD(t.x.At(i, x16.BlockQ+4*j+16*(pass%2)), b)
			for h := range 2 {
				if first {
					VPMADDUBSW(b, w[h], t.acc[i][h])
					continue
				}
				p := b
				if h == 0 {
					p = YMM()
				}
				VPMADDUBSW(b, w[h], p)
				VPADDW(p, t.acc[i][h], t.acc[i][h])
			}
		}
		if t.halved() && pass == 3 {
			for i, acc := range t.acc {
				for h, a := range acc {
					VPMADDWD(t.ones, a, a)
					VMOVDQU(a, t.part.Offset(64*i+32*h))
				}
			}
		}
	}
	for i, acc := range t.acc {
		for h, a := range acc {
			VPMADDWD(t.ones, a, a)
			if t.halved() {
				VPADDD(t.part.Offset(64*i+32*h), a, a)
			}
		}
	}
}

// unpack returns the low or high nibbles of quad j, with their fifth bits.
func (t *tile) unpack(j int, high bool) (w [2]VecVirtual) {
	if t.plain != nil {
		return t.plainQuad(j, high)
	}
	for h := range w {
		w[h] = YMM()
		at := Mem{Base: t.w, Disp: t.Quanta() + 64*j + 32*h}
		if high {
			VMOVDQU(at, w[h])
			VPSRLW(Imm(4), w[h], w[h])
			VPAND(t.mask, w[h], w[h])
		} else if _, ok := t.mask.(Mem); ok {
			VMOVDQU(at, w[h])
			VPAND(t.mask, w[h], w[h])
		} else {
			VPAND(at, t.mask, w[h])
		}
		if t.Bits == 5 {
			t.addFifths(w[h], j, high, h)
		}
		if t.Table != nil {
			lookUp(w[h], t.Name, t.Table, t.Zero)
		}
	}
	return w
}

// lookUp replaces indices by levels plus zero, as bytes.
func lookUp(w VecVirtual, name string, table *[16]int8, zero int) {
	levels := YMM()
	VMOVDQU(pattern("levels"+name, func(i int) byte { return byte(int(table[i]) + zero%128) }), levels)
	VPSHUFB(w, levels, w)
}

func (t *tile) addFifths(w VecVirtual, j int, high bool, h int) {
	p := YMM()
	VMOVDQU(Mem{Base: t.w, Disp: t.Fifths() + 32*h}, p)
	g := j // the bit of this quad
	if high {
		g += 4
	}
	if g < 4 {
		VPSLLW(Imm(uint64(4-g)), p, p)
	} else if g > 4 {
		VPSRLW(Imm(uint64(g-4)), p, p)
	}
	VPAND(filled("fifth", 0x10101010), p, p)
	VPADDB(p, w, w) // more of these a cycle than of VPOR
}

// sumBytes leaves Σ q·x in acc. |q| is at most 128 and |x| 127, so a pair of
// products, 2·128·127, just fits in 16 bits.
func (t *tile) sumBytes() {
	for j := range 8 {
		w, size := t.quad(j), [2]VecVirtual{}
		for h := range 2 {
			size[h] = YMM()
			VPABSB(w[h], size[h])
		}
		for i := range t.n {
			b := YMM()
			VPBROADCASTD(t.x.At(i, x16.BlockQ+4*j), b)
			for h := range 2 {
				p := YMM()
				VPSIGNB(w[h], b, p)
				VPMADDUBSW(p, size[h], p)
				if j == 0 {
					VPMADDWD(t.ones, p, t.acc[i][h])
					continue
				}
				VPMADDWD(t.ones, p, p)
				VPADDD(p, t.acc[i][h], t.acc[i][h])
			}
		}
	}
}

// scales returns the 16 scales.
func (t *tile) scales() (v [2]Op) {
	if !t.Exponents || t.plain != nil {
		return t.halves(0)
	}
	for h := range v {
		// 2^(e−128) as a product of two normal powers, 2^(⌊e/2⌋−64) and the rest.
		y, rest := YMM(), YMM()
		VPMOVZXBD(Mem{Base: t.w, Disp: 8 * h}, rest)
		VPSRLD(Imm(1), rest, y)
		VPSUBD(y, rest, rest)
		for _, e := range []VecVirtual{y, rest} {
			VPADDD(filled("bias", 127-64), e, e)
			VPSLLD(Imm(23), e, e)
		}
		VMULPS(rest, y, y)
		v[h] = y
	}
	return v
}

// raised reports whether quanta are above their values by Zero.
func (t *tile) raised() bool { return t.Zero != 0 && !t.Signed() }

// halves converts 16 f16 at an offset of the block.
func (t *tile) halves(offset int) (v [2]Op) {
	if t.plain != nil {
		return t.plainFloats(offset / x16.HeadBytes)
	}
	for h := range v {
		y := YMM()
		VCVTPH2PS(Mem{Base: t.w, Disp: offset + 16*h}, y)
		v[h] = y
	}
	return v
}

// scale adds the block's sums to the outputs.
func (t *tile) scale() {
	d := t.scales()
	var m [2]Op
	if t.Mins {
		m = t.halves(x16.HeadBytes)
	}
	for i := range t.n {
		dx, s := YMM(), YMM()
		VBROADCASTSS(t.x.At(i, x16.BlockD), dx)
		if t.raised() {
			VPBROADCASTD(t.x.At(i, x16.BlockSum), s)
			VPSLLD(Imm(map[int]uint64{8: 3, 16: 4}[t.Zero]), s, s)
		}
		if t.Mins {
			VBROADCASTSS(t.x.At(i, x16.BlockDSum), s)
		}
		for h := range 2 {
			a := t.acc[i][h]
			if t.raised() {
				VPSUBD(s, a, a)
			}
			VCVTDQ2PS(a, a)
			p := YMM()
			VMULPS(d[h], dx, p)
			if t.n == 1 {
				VFMADD231PS(p, a, t.yacc[h])
				if t.Mins {
					VFMADD231PS(m[h], s, t.yacc[h])
				}
				continue
			}
			VFMADD213PS(t.y.At(i, 32*h), p, a)
			if t.Mins {
				VFMADD231PS(m[h], s, a)
			}
			VMOVUPS(a, t.y.At(i, 32*h))
		}
	}
}
