package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/amx"
	"limbeck/tensor/kernel/gen/k16"
	"limbeck/tensor/kernel/gen/unpack"
	"limbeck/tensor/kernel/gen/x16"
)

// A wide product is that of a layout with 256 columns a block, whose scales of sub-blocks
// are integers. Weights are unpacked to scale·(q−zero), whose sums over all columns tiles
// make at once. Of most layouts they take two bytes: a low one, and a high one that stands
// for 256 times as much or, where the scale is split in two, 8 times. Of sums of products
// with int8 the low ones' are below 2²³, as are the high ones', and what they stand for
// together below 2²⁸.
type wide struct {
	k16.Format
	dmin, mins, subs, quanta, bytes int // where they begin in an unpacked group, behind d, and end
}

const (
	parts       = 4 // of 64 columns
	partColumns = k16.Columns / parts
)

func newWide(f k16.Format) routine {
	p := &wide{Format: f, dmin: vectorBytes, mins: 2 * vectorBytes}
	p.subs = p.mins
	if f.Min != nil {
		p.subs += f.PairsBytes()
	}
	p.quanta = p.subs + k16.Columns/f.Sub*vectorBytes
	p.bytes = p.quanta + parts*p.halves()*tileBytes
	return routine{p}
}

// halves returns how many bytes a weight takes: q2_k's are at most 45, q3_k's at least
// −124 and at most 128, and are negated.
func (p *wide) halves() int {
	if p.Low.Count == 2 {
		return 1
	}
	return 2
}

func (p *wide) negated() bool { return p.halves() == 1 && p.Zero != 0 }

// splits reports whether the upper and the lower 3 bits of scales, which have 6, multiply
// quanta on their own. No such product of up to 5 bits exceeds an unsigned byte.
func (p *wide) splits() bool { return p.halves() == 2 && p.Zero == 0 }

// highBits returns how many bits above the low byte the high one stands.
func (p *wide) highBits() uint64 {
	if p.splits() {
		return 3
	}
	return 8
}

func (p *wide) family() string     { return "wide" }
func (p *wide) name() string       { return p.Name }
func (p *wide) blockBytes() int    { return k16.WideBytes }
func (p *wide) chunk() int         { return 1 }
func (p *wide) weightBytes() int   { return p.Block() }
func (p *wide) unpackedBytes() int { return p.bytes }
func (p *wide) sumBytes() int      { return p.halves() * tileBytes }

// A wide product's tiles: sums of low and high halves and activations, each of 16 rows
// and of those left, and weights, low and high.
const (
	wideLow = amx.Tile(2 * iota)
	wideHigh
	wideX
	wideW
)

func (p *wide) tiles() []shape {
	all, some := shape{tileRows, vectorBytes}, shape{partRows, vectorBytes}
	return []shape{all, some, all, some, all, some, all, all}
}

func (p *wide) unpack() {
	to := func(offset int) Mem { return Mem{Base: unpacked, Disp: offset} }
	VMOVUPS(unpack.Halves(w, 0), to(0))
	if p.Min != nil {
		VMOVUPS(unpack.Halves(w, k16.HalfBytes), to(p.dmin))
		for i, v := range unpack.Pairs(p.Format, w, p.Min, 0) {
			VMOVDQU64(v, to(p.mins+i*k16.WordBytes))
		}
	}
	for g, parts := range p.Scale {
		for i, v := range unpack.Twice(p.Format, w, parts, p.Below) {
			VMOVDQU64(v, to(p.subs+(4*g+i)*vectorBytes))
		}
	}
	x16.Fetch(k16.Ahead, w, 0, p.Quanta())
	u := p.unpacker()
	scales, quanta, steps := RAX, RDX, RCX
	LEAQ(to(p.subs), scales)
	LEAQ(to(p.quanta), quanta)
	ADDQ(U32(p.Quanta()), w)
	MOVQ(U32(p.Steps()), steps)
	Label("step")
	fetched, quads := 0, 8*len(p.Chunks)
	word := func(offset int) Op { return Mem{Base: w, Disp: offset} }
	for i, c := range p.Chunks {
		for q := range 8 { // asked for at once, words hold up what is read next
			for ; fetched < p.Words*(8*i+q+1)/quads; fetched++ {
				PREFETCHT0(Mem{Base: w, Disp: k16.Ahead + fetched*k16.WordBytes})
			}
			sub := p.SubOf(c, q)
			if 4*q%p.Sub == 0 {
				u.load(Mem{Base: scales, Disp: sub * vectorBytes})
			}
			row := Mem{Base: quanta, Disp: c/2*p.halves()*tileBytes + (c%2*8+q)*quadBytes}
			for h, v := range u.scaled(u.Quad(c, q, word)) {
				VMOVDQU64(v, row.Offset(h*tileBytes))
			}
		}
	}
	ADDQ(U32(p.Step/p.Sub*vectorBytes), scales)
	ADDQ(U32(p.Step/partColumns*p.halves()*tileBytes), quanta)
	ADDQ(U32(p.Words*k16.WordBytes), w)
	DECQ(steps)
	JNE(LabelRef("step"))
}

// A scaler multiplies quanta by scales.
type scaler struct {
	*wide
	*unpack.Wide
	scale, upper      VecVirtual // of the sub-block, twice the int16
	even, odd, middle VecVirtual // masks of bytes, and 128
	lower             VecVirtual // mask of lower bits of scales
}

func (p *wide) unpacker() *scaler {
	s := &scaler{wide: p, Wide: unpack.NewSignedWide(p.Format)}
	if p.splits() {
		s.lower = unpack.EveryWord("lower", 0x00070007)
		return s
	}
	if p.halves() == 2 || p.negated() {
		s.even, s.odd = unpack.EveryWord("even", 0x00ff00ff), unpack.EveryWord("odd", 0xff00ff00)
	}
	if p.halves() == 2 {
		s.middle = unpack.EveryWord("middle", 0x00800080)
	}
	return s
}

// load loads the scales of a sub-block, which lie times 256, as products of two halves
// want them: the upper half of q·256·scale·256 is theirs.
func (s *scaler) load(scale Mem) {
	s.scale = ZMM()
	switch {
	case s.splits():
		s.upper = ZMM()
		VPSRLW(Imm(8), scale, s.scale)
		VPANDD(s.lower, s.scale, s.scale)
		VPSRLW(Imm(8+3), scale, s.upper)
		return
	case s.halves() == 2:
		VMOVDQU64(scale, s.scale)
		return
	}
	VPSRAW(Imm(8), scale, s.scale)
	if s.negated() {
		none := ZMM()
		VPXORD(none, none, none)
		VPSUBW(s.scale, none, s.scale)
	}
}

// scaled returns a quad's quanta times their scales: as bytes, or their low bytes and what
// times 256 makes up for the rest.
func (s *scaler) scaled(q VecVirtual) []Op {
	switch {
	case s.splits(): // no product of a byte reaches into the next
		high := ZMM()
		VPMULLW(s.upper, q, high)
		VPMULLW(s.scale, q, q)
		return []Op{q, high}
	case s.negated():
		return s.lowBytes(q)
	case s.halves() == 1: // nor does one here
		VPMULLW(s.scale, q, q)
		return []Op{q}
	}
	even, low, high := ZMM(), ZMM(), ZMM()
	VPSLLW(Imm(8), q, even)
	VPANDD(s.odd, q, q)
	VPMULHW(s.scale, even, even)
	VPMULHW(s.scale, q, q)
	VPSLLW(Imm(8), q, low)
	VPTERNLOGD(Imm(unpack.Or), s.even, even, low)
	VPADDW(s.middle, even, high) // the low byte counts from −128 on
	VPADDW(s.middle, q, q)
	VPSRLW(Imm(8), high, high)
	VPTERNLOGD(Imm(unpack.Or), s.odd, q, high)
	return []Op{low, high}
}

// lowBytes returns the low bytes of products.
func (s *scaler) lowBytes(q VecVirtual) []Op {
	even := ZMM()
	VPMULLW(s.scale, q, even)
	VPANDD(s.odd, q, q)
	VPMULLW(s.scale, q, q)
	VPTERNLOGD(Imm(unpack.Or), s.even, even, q)
	return []Op{q}
}

// Where a step's operands are.
var (
	wideFrom = RAX
	wideBy   = RDI
)

func (p *wide) begin(part part) {
	for _, t := range p.acc(part) {
		amx.Zero(t)
	}
	MOVQ(front, wideFrom)
	MOVQ(at(frontW), wideBy)
	ADDQ(U32(p.quanta), wideBy)
}

// acc returns the tiles of sums.
func (p *wide) acc(part part) []amx.Tile {
	return []amx.Tile{of(wideLow, part), of(wideHigh, part)}[:p.halves()]
}

// step adds the products of 64 columns to the sums.
func (p *wide) step(part part) {
	a := of(wideX, part)
	amx.Load(wideFrom, ldx, 0, a)
	for h, t := range p.acc(part) {
		w := wideW + amx.Tile(h)
		amx.Load(wideBy, width, h*tileBytes, w)
		if p.splits() {
			amx.DotUnsigned(a, w, t)
		} else {
			amx.DotBytes(a, w, t)
		}
	}
	ADDQ(U32(k16.PartBytes), wideFrom)
	ADDQ(U32(p.halves()*tileBytes), wideBy)
}

func (p *wide) steps() Op       { return U32(parts) }
func (p *wide) wholeSteps() int { return parts }

func (p *wide) finish(part part) {
	MOVQ(at(sums), RAX)
	for h, t := range p.acc(part) {
		amx.Store(t, RAX, width, h*tileBytes)
	}
}

func (p *wide) scales() (row func()) {
	d, dmin := ZMM(), ZMM()
	MOVQ(at(backW), RCX)
	VMOVUPS(Mem{Base: RCX}, d)
	var mins []VecVirtual
	if p.Min != nil {
		VMOVUPS(Mem{Base: RCX, Disp: p.dmin}, dmin)
		for i := range p.Pairs() {
			mins = append(mins, ZMM())
			VMOVDQU64(Mem{Base: RCX, Disp: p.mins + i*k16.WordBytes}, mins[i])
		}
	}
	return func() {
		acc := outputs()
		p.add(acc, d)
		if p.Min != nil {
			p.subtract(acc, dmin, mins)
		}
		storeOutputs(acc)
	}
}

func (p *wide) fewScales() (row func()) { panic("a chunk is one block") }

// add adds a row's sums to its outputs.
func (p *wide) add(acc, d VecVirtual) {
	s, scale := ZMM(), ZMM()
	if p.halves() == 2 {
		VPSLLD(Imm(p.highBits()), Mem{Base: sum, Disp: tileBytes}, s)
		VPADDD(Mem{Base: sum}, s, s)
		VCVTDQ2PS(s, s)
	} else {
		VCVTDQ2PS(Mem{Base: sum}, s)
	}
	VMULPS_BCST(Mem{Base: back, Disp: k16.BlockD}, d, scale)
	if p.negated() {
		VFNMADD231PS(scale, s, acc)
	} else {
		VFMADD231PS(scale, s, acc)
	}
}

// subtract subtracts a row's sums of activations, each times its min, from its outputs.
func (p *wide) subtract(acc, dmin VecVirtual, mins []VecVirtual) {
	s, scale := ZMM(), ZMM()
	VPXORD(s, s, s)
	for i, v := range mins {
		VPDPWSSD_BCST(Mem{Base: back, Disp: p.Sums() + 4*i}, v, s)
	}
	VCVTDQ2PS(s, s)
	VMULPS_BCST(Mem{Base: back, Disp: k16.BlockD}, dmin, scale)
	VFNMADD231PS(scale, s, acc)
}
