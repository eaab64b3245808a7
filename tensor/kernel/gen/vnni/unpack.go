package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
	"limbeck/tensor/kernel/gen/x16"
)

// offset returns what unpacked quanta are above their values: the format's zero, or
// what makes an int8 unsigned.
func offset(f x16.Format) int {
	if f.Bits == 8 {
		return 128
	}
	return f.Zero
}

// An unpacker makes unsigned bytes of quanta. It holds the constants that takes.
type unpacker struct {
	x16.Format
	nibbles, fifth, levels, sign VecVirtual
}

// newUnpacker loads the constants of a format.
func newUnpacker(f x16.Format) *unpacker {
	u := &unpacker{Format: f}
	if f.Bits == 8 {
		u.sign = everyWord("sign", 0x80808080)
		return u
	}
	u.nibbles = everyWord("nibbles", 0x0f0f0f0f)
	if f.Bits == 5 {
		u.fifth = everyWord("fifth", 0x10101010)
	}
	if f.Table != nil {
		u.levels = levelsOf(f.Name, f.Table, f.Zero)
	}
	return u
}

// A group is a group's block, whose quanta are unpacked.
type group struct {
	*unpacker
	w      Register
	fifths VecVirtual
}

// group begins with the block at w.
func (u *unpacker) group(w Register) *group {
	g := &group{unpacker: u, w: w}
	if u.Bits == 5 {
		g.fifths = ZMM()
		VMOVDQU64(Mem{Base: w, Disp: u.Fifths()}, g.fifths)
	}
	return g
}

// quads returns quads q and 4+q, which share bytes where quanta are nibbles: a
// quad's register holds columns 4q to 4q+3.
func (g *group) quads(q int) (low, high VecVirtual) {
	low, high = ZMM(), ZMM()
	if g.Bits == 8 {
		VPXORD(quad(g.Format, g.w, q), g.sign, low)
		VPXORD(quad(g.Format, g.w, 4+q), g.sign, high)
		return low, high
	}
	VMOVDQU64(quad(g.Format, g.w, q), high)
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
	return low, high
}

// addFifth puts bit q of every fifth byte above the nibbles of quad q.
func (g *group) addFifth(q int, w VecVirtual) {
	const or = 0xf0 | 0xcc&0xaa // a | b&c, as a table
	bit := g.fifths
	switch {
	case q < 4:
		bit = ZMM()
		VPSLLW(Imm(uint64(4-q)), g.fifths, bit)
	case q > 4:
		bit = ZMM()
		VPSRLW(Imm(uint64(q-4)), g.fifths, bit)
	}
	VPTERNLOGD(Imm(or), g.fifth, bit, w)
}

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

// quad addresses the 16 lanes of a quad of quanta, in a block at w.
func quad(f x16.Format, w Register, q int) Mem { return Mem{Base: w, Disp: f.Quanta() + 64*q} }

// everyWord returns 4 bytes in every word of a register, under that name in memory.
func everyWord(name string, v uint32) VecVirtual {
	r := ZMM()
	VPBROADCASTD(word(name, v), r)
	return r
}

// word returns 4 bytes in memory, under that name.
func word(name string, v uint32) Mem { return constants.Words("vnni"+name, 1, v) }
