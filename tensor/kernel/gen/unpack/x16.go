// Package unpack emits what makes bytes of packed layouts' quanta, in AVX-512: a quad's
// register holds four columns of 16 rows, a lane a row.
package unpack

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
	"limbeck/tensor/kernel/gen/x16"
)

// Offset returns what unpacked quanta are above their values: the format's zero, or
// what makes an int8 unsigned.
func Offset(f x16.Format) int {
	if f.Bits == 8 {
		return 128
	}
	return f.Zero
}

// A Narrow makes bytes of the quanta of an x16 format. It holds the constants that takes.
type Narrow struct {
	x16.Format
	signed                              bool
	nibbles, fifth, levels, sign, above VecVirtual
}

// NewNarrow loads the constants of a format, whose quanta become unsigned, Offset above
// their values.
func NewNarrow(f x16.Format) *Narrow {
	u := &Narrow{Format: f}
	if f.Bits == 8 {
		u.sign = EveryWord("sign", 0x80808080)
		return u
	}
	u.constants(f.Zero)
	return u
}

// NewSignedNarrow loads the constants of a format, whose quanta become their values.
func NewSignedNarrow(f x16.Format) *Narrow {
	u := &Narrow{Format: f, signed: true}
	if f.Bits == 8 {
		return u
	}
	u.constants(0)
	if f.Zero > 0 && f.Table == nil {
		u.above = zeros(f.Zero)
	}
	return u
}

func (u *Narrow) constants(zero int) {
	u.nibbles = EveryWord("nibbles", 0x0f0f0f0f)
	if u.Bits == 5 {
		u.fifth = EveryWord("fifth", 0x10101010)
	}
	if u.Table != nil {
		u.levels = levelsOf(u.Name, u.Table, zero)
	}
}

// A Group is a group's block, whose quanta are unpacked.
type Group struct {
	*Narrow
	w      Register
	fifths VecVirtual
}

// Group begins with the block at w.
func (u *Narrow) Group(w Register) *Group {
	g := &Group{Narrow: u, w: w}
	if u.Bits == 5 {
		g.fifths = ZMM()
		VMOVDQU64(Mem{Base: w, Disp: u.Fifths()}, g.fifths)
	}
	return g
}

// Quads returns quads q and 4+q, which share bytes where quanta are nibbles: a
// quad's register holds columns 4q to 4q+3.
func (g *Group) Quads(q int) (low, high VecVirtual) {
	low, high = ZMM(), ZMM()
	switch {
	case g.Bits == 8 && g.signed:
		VMOVDQU64(Quad(g.Format, g.w, q), low)
		VMOVDQU64(Quad(g.Format, g.w, 4+q), high)
		return low, high
	case g.Bits == 8:
		VPXORD(Quad(g.Format, g.w, q), g.sign, low)
		VPXORD(Quad(g.Format, g.w, 4+q), g.sign, high)
		return low, high
	}
	VMOVDQU64(Quad(g.Format, g.w, q), high)
	VPANDD(g.nibbles, high, low)
	VPSRLW(Imm(4), high, high)
	VPANDD(g.nibbles, high, high)
	if g.Bits == 5 {
		g.addFifth(q, low)
		g.addFifth(4+q, high)
	}
	if g.Table != nil {
		lookUp(g.levels, low, high)
	}
	if g.above != nil {
		VPSUBB(g.above, low, low)
		VPSUBB(g.above, high, high)
	}
	return low, high
}

// addFifth puts bit q of every fifth byte above the nibbles of quad q.
func (g *Group) addFifth(q int, w VecVirtual) {
	bit := g.fifths
	switch {
	case q < 4:
		bit = ZMM()
		VPSLLW(Imm(uint64(4-q)), g.fifths, bit)
	case q > 4:
		bit = ZMM()
		VPSRLW(Imm(uint64(q-4)), g.fifths, bit)
	}
	VPTERNLOGD(Imm(Or), g.fifth, bit, w)
}

// Or is a | b&c, as the table of VPTERNLOGD, whose last operand is a.
const Or = 0xf0 | 0xcc&0xaa

// lookUp replaces indices by levels.
func lookUp(levels VecVirtual, indices ...VecVirtual) {
	for _, v := range indices {
		VPSHUFB(v, levels, v)
	}
}

// levelsOf returns the levels of a table, plus zero.
func levelsOf(name string, table *[16]int8, zero int) VecVirtual {
	v := ZMM()
	VBROADCASTI32X4(constants.Vector("vnnilevels"+name, 16, func(i int) Constant { return U8(int(table[i]) + zero) }), v)
	return v
}

// Quad addresses the 16 lanes of a quad of quanta, in a block at w.
func Quad(f x16.Format, w Register, q int) Mem { return Mem{Base: w, Disp: f.Quanta() + 64*q} }

// Halves converts the 16 f16 at an offset of the block at w.
func Halves(w Register, offset int) VecVirtual {
	v := ZMM()
	VCVTPH2PS(Mem{Base: w, Disp: offset}, v)
	return v
}

// Powers returns the 16 scales 2^(e−128) of the block at w, as products of two normal
// powers, 2^(⌊e/2⌋−64) and the rest.
func Powers(w Register) VecVirtual {
	v, rest, bias := ZMM(), ZMM(), ZMM()
	VPMOVZXBD(Mem{Base: w}, rest)
	VPBROADCASTD(Word("bias", 127-64), bias)
	VPSRLD(Imm(1), rest, v)
	VPSUBD(v, rest, rest)
	for _, e := range []VecVirtual{v, rest} {
		VPADDD(bias, e, e)
		VPSLLD(Imm(23), e, e)
	}
	VMULPS(rest, v, v)
	return v
}

// EveryWord returns 4 bytes in every word of a register, under that name in memory.
func EveryWord(name string, v uint32) VecVirtual {
	r := ZMM()
	VPBROADCASTD(Word(name, v), r)
	return r
}

// Word returns 4 bytes in memory, under that name.
func Word(name string, v uint32) Mem { return constants.Words("vnni"+name, 1, v) }
