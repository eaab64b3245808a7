package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
)

// offset returns what unpack's quanta are above their values: the format's
// zero, or what makes an int8 unsigned.
func (t *tile) offset() int {
	if t.Bits == 8 {
		return 128
	}
	return t.Zero
}

// unpack returns the quanta of a block, unsigned bytes: register q holds
// columns 4q to 4q+3.
func (t *tile) unpack() [8]VecVirtual {
	if t.Bits == 8 {
		return t.unpackBytes()
	}
	if t.Bits == 5 {
		touch(Mem{Base: t.w, Disp: t.Fifths()})
	}
	w := t.unpackNibbles()
	if t.Bits == 5 {
		t.addFifths(w)
	}
	if t.Table != nil {
		lookUp(w, t.Name, t.Table, t.Zero)
	}
	return w
}

// lookUp replaces indices by levels plus zero.
func lookUp(w [8]VecVirtual, name string, table *[16]int8, zero int) {
	levels := ZMM()
	VBROADCASTI32X4(levelsOf(name, table, zero), levels)
	for _, v := range w {
		VPSHUFB(v, levels, v)
	}
}

// levelsOf returns 16 bytes in memory.
func levelsOf(name string, table *[16]int8, zero int) Mem {
	return constants.Vector("vnnilevels"+name, 16, func(i int) Constant { return U8(int(table[i]) + zero) })
}

func (t *tile) unpackBytes() (w [8]VecVirtual) {
	sign := ZMM()
	VPBROADCASTD(word("sign", 0x80808080), sign)
	for q := range w {
		w[q] = ZMM()
		VPXORD(t.quad(q), sign, w[q])
	}
	return w
}

// inPlace reports whether high nibbles stay where they are, 16 times what they
// stand for, and their sum is shifted instead of each of them. That pays for one
// activation row alone: more rows share the quanta, but not the sums.
func (t *tile) inPlace() bool { return t.n == 1 && t.Bits == 4 && t.Table == nil }

func (t *tile) unpackNibbles() (w [8]VecVirtual) {
	mask := ZMM()
	VPBROADCASTD(word("nibbles", 0x0f0f0f0f), mask)
	if t.inPlace() {
		above := ZMM()
		VPBROADCASTD(word("high", 0xf0f0f0f0), above)
		for q := range 4 {
			w[q], w[4+q] = ZMM(), ZMM()
			VMOVDQU64(t.quad(q), w[4+q])
			VPANDD(mask, w[4+q], w[q])
			VPANDD(above, w[4+q], w[4+q])
		}
		return w
	}
	for q := range 4 {
		low, high := ZMM(), ZMM()
		VMOVDQU64(t.quad(q), high)
		VPANDD(mask, high, low)
		VPSRLW(Imm(4), high, high)
		VPANDD(mask, high, high)
		w[q], w[4+q] = low, high
	}
	return w
}

// addFifths puts bit q of every fifth byte above the nibbles of quad q.
func (t *tile) addFifths(w [8]VecVirtual) {
	const or = 0xf0 | 0xcc&0xaa // a | b&c, as a table
	fifths, bit := ZMM(), ZMM()
	VMOVDQU64(Mem{Base: t.w, Disp: t.Fifths()}, fifths)
	VPBROADCASTD(word("fifth", 0x10101010), bit)
	for q := range w {
		p := fifths
		if q != 4 {
			p = ZMM()
		}
		if q < 4 {
			VPSLLW(Imm(uint64(4-q)), fifths, p)
		} else if q > 4 {
			VPSRLW(Imm(uint64(q-4)), fifths, p)
		}
		VPTERNLOGD(Imm(or), bit, p, w[q])
	}
}

// quad addresses the 16 lanes of a quad of quanta.
func (t *tile) quad(q int) Mem { return Mem{Base: t.w, Disp: t.Quanta() + 64*q} }

// word returns 4 bytes in memory, under that name.
func word(name string, v uint32) Mem { return constants.Words("vnni"+name, 1, v) }
