package unpack

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
	"limbeck/tensor/kernel/gen/k16"
)

// Pairs returns the scales or the mins of which the parts are given, of the block at w,
// less below: register p has those of sub-blocks 2p and 2p+1 as int16.
func Pairs(f k16.Format, w Register, groups [][]k16.Part, below int) (pairs []VecVirtual) {
	for _, parts := range groups {
		v := scaleBytes(f, w, parts, below)
		for half := range 2 {
			p := ZMM()
			VPSHUFB(spread(fmt.Sprintf("spread%d", half), 2*half, 2*half+1), v, p)
			VPSRAW(Imm(8), p, p)
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// Twice returns four scales of which the parts are given, less below, times 256: each
// twice, as int16.
func Twice(f k16.Format, w Register, parts []k16.Part, below int) (scales [4]VecVirtual) {
	v := scaleBytes(f, w, parts, below)
	for i := range scales {
		scales[i] = ZMM()
		VPSHUFB(spread(fmt.Sprintf("twice%d", i), i, i), v, scales[i])
	}
	return scales
}

// scaleBytes returns four scales or mins a lane, in bytes, less below.
func scaleBytes(f k16.Format, w Register, parts []k16.Part, below int) VecVirtual {
	var sum VecVirtual
	for _, p := range parts {
		v, at := ZMM(), Mem{Base: w, Disp: f.ScalesAt() + p.Word*k16.WordBytes}
		shifted(at, p.Shift, v)
		if p.Mask != ^uint32(0) {
			VPANDD_BCST(Word(fmt.Sprintf("mask%x", p.Mask), p.Mask), v, v)
		}
		if sum != nil {
			VPORD(sum, v, v)
		}
		sum = v
	}
	if below != 0 {
		VPSUBB(zeros(below), sum, sum)
	}
	return sum
}

// zeros returns what stands for 0 in every byte.
func zeros(zero int) VecVirtual {
	return EveryWord(fmt.Sprintf("bytes%d", zero), uint32(zero)*0x01010101)
}

// shifted loads words, shifted right or, if shift is negative, left.
func shifted(from Op, shift int, to VecVirtual) {
	switch {
	case shift > 0:
		VPSRLW(Imm(uint64(shift)), from, to)
	case shift < 0:
		VPSLLW(Imm(uint64(-shift)), from, to)
	default:
		VMOVDQU64(from, to)
	}
}

// Mask returns bits in their place.
func Mask(b k16.Bits) VecVirtual { return EveryWord(fmt.Sprintf("mask%x", b.Mask()), b.Mask()) }

// A Wide makes bytes of the quanta of a k16 format. It holds the constants that takes.
type Wide struct {
	k16.Format
	low, high, levels, above VecVirtual
}

// NewWide loads the constants of a format, whose quanta become unsigned, Zero above their
// values.
func NewWide(f k16.Format) *Wide { return newWide(f, f.Zero) }

// NewSignedWide loads the constants of a format, whose quanta become their values.
func NewSignedWide(f k16.Format) *Wide {
	u := newWide(f, 0)
	if f.Table == nil && f.Zero != 0 {
		u.above = zeros(f.Zero)
	}
	return u
}

// newWide loads what both take: the levels of a table, plus zero.
func newWide(f k16.Format, zero int) *Wide {
	u := &Wide{Format: f, low: mask(f.Low)}
	if f.High.Count > 0 {
		u.high = mask(f.High)
	}
	if f.Table != nil {
		u.levels = levelsOf(f.Name, f.Table, zero)
	}
	return u
}

// mask returns bits in their place.
func mask(b k16.Bits) VecVirtual { return EveryWord(fmt.Sprintf("mask%x", b.Mask()), b.Mask()) }

// Quad returns quad q of a chunk's quanta: columns 4q to 4q+3. word gives those of the
// step, by their places.
func (u *Wide) Quad(c, q int, word func(offset int) Op) VecVirtual {
	v := ZMM()
	offset, shift := u.Low.Offset(c, q)
	if at := word(offset); shift == 0 {
		VPANDD(at, u.low, v)
	} else {
		shifted(at, shift, v)
		VPANDD(u.low, v, v)
	}
	if u.high != nil { // goes above the low bits
		p := ZMM()
		offset, shift := u.High.Offset(c, q)
		shifted(word(offset), shift, p)
		VPTERNLOGD(Imm(Or), u.high, p, v)
	}
	if u.levels != nil {
		lookUp(u.levels, v)
	}
	if u.above != nil {
		VPSUBB(u.above, v, v)
	}
	return v
}

// spread returns a pattern that moves bytes i and j of each word to the upper bytes of
// its halves, and clears the lower ones, under that name.
func spread(name string, i, j int) Mem {
	return constants.Vector("vnni"+name, 16, func(k int) Constant {
		lane := uint32(k % 4 * 4)
		return U32(0x80 | (lane+uint32(i))<<8 | 0x80<<16 | (lane+uint32(j))<<24)
	})
}
