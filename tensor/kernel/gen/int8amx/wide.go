package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/amx"
	"limbeck/tensor/kernel/gen/k16"
	"limbeck/tensor/kernel/gen/unpack"
)

// A wide product is that of a layout with 256 columns a block, whose scales of sub-blocks
// are integers. Weights are unpacked to scale·(q−zero), whose sums over all columns tiles
// make at once. Of most layouts they take two int8: a low one, and a high one 256 times as
// much. Of sums of products with int8 the low ones' are below 2²², the high ones' below
// 2²⁰, and what they stand for together below 2²⁸.
type wide struct {
	k16.Format
	d, dmin, mins, scales, quanta, sums int // where in the frame they begin
	bytes                               int
}

const (
	parts       = 4 // of 64 columns
	partColumns = k16.Columns / parts
)

func newWide(f k16.Format) routine {
	p := &wide{Format: f, d: headBytes, dmin: headBytes + vectorBytes, mins: headBytes + 2*vectorBytes}
	p.scales = p.mins
	if f.Min != nil {
		p.scales += f.PairsBytes()
	}
	p.quanta = p.scales + k16.Columns/f.Sub*vectorBytes
	p.sums = p.quanta + parts*p.halves()*tileBytes
	p.bytes = p.sums + 2*p.halves()*tileBytes - headBytes
	return routine{p}
}

// halves returns how many int8 a weight takes: q2_k's are at most 45, q3_k's at least
// −124 and at most 128, and are negated.
func (p *wide) halves() int {
	if p.Low.Count == 2 {
		return 1
	}
	return 2
}

func (p *wide) negated() bool { return p.halves() == 1 && p.Zero != 0 }

func (p *wide) name() string    { return p.Name }
func (p *wide) blockBytes() int { return k16.WideBytes }
func (p *wide) chunk() int      { return 1 }
func (p *wide) frameBytes() int { return p.bytes }

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
	for line := 0; line < p.Block(); line += 64 {
		PREFETCHT0(Mem{Base: w, Disp: ahead + line})
	}
	VMOVUPS(unpack.Halves(w, 0), at(p.d))
	if p.Min != nil {
		VMOVUPS(unpack.Halves(w, k16.HalfBytes), at(p.dmin))
		for i, v := range unpack.Pairs(p.Format, w, p.Min, 0) {
			VMOVDQU64(v, at(p.mins+i*k16.WordBytes))
		}
	}
	for g, parts := range p.Scale {
		for i, v := range unpack.Twice(p.Format, w, parts, p.Below) {
			VMOVDQU64(v, at(p.scales+(4*g+i)*vectorBytes))
		}
	}
	u := p.unpacker()
	scales, to, steps := RAX, RDX, RCX
	LEAQ(at(p.scales), scales)
	LEAQ(at(p.quanta), to)
	ADDQ(U32(p.Quanta()), w)
	MOVQ(U32(p.Steps()), steps)
	Label("step")
	for _, c := range p.Chunks {
		for q := range 8 {
			sub := p.SubOf(c, q)
			if 4*q%p.Sub == 0 {
				u.begin(Mem{Base: scales, Disp: sub * vectorBytes})
			}
			row := Mem{Base: to, Disp: c/2*p.halves()*tileBytes + (c%2*8+q)*quadBytes}
			for h, v := range u.scaled(u.Quad(w, c, q)) {
				VMOVDQU64(v, row.Offset(h*tileBytes))
			}
		}
	}
	ADDQ(U32(p.Step/p.Sub*vectorBytes), scales)
	ADDQ(U32(p.Step/partColumns*p.halves()*tileBytes), to)
	ADDQ(U32(p.Words*k16.WordBytes), w)
	DECQ(steps)
	JNE(LabelRef("step"))
	LEAQ(at(p.sums), RAX)
	MOVQ(RAX, at(sums))
	LEAQ(at(p.sums+p.halves()*tileBytes), RAX)
	MOVQ(RAX, at(oldSums))
}

// ahead is how far ahead a routine asks for weights, as those of command vnni do.
const ahead = 6144

// A scaler multiplies quanta by scales.
type scaler struct {
	*wide
	*unpack.Wide
	scale             VecVirtual // of the sub-block, twice the int16
	even, odd, middle VecVirtual // masks of bytes, and 128
}

func (p *wide) unpacker() *scaler {
	s := &scaler{wide: p, Wide: unpack.NewWide(p.Format)}
	if p.halves() == 2 || p.negated() {
		s.even, s.odd = unpack.EveryWord("even", 0x00ff00ff), unpack.EveryWord("odd", 0xff00ff00)
	}
	if p.halves() == 2 {
		s.middle = unpack.EveryWord("middle", 0x00800080)
	}
	return s
}

// begin loads the scales of a sub-block, which lie times 256, as products of two halves
// want them: the upper half of q·256·scale·256 is theirs.
func (s *scaler) begin(scale Mem) {
	s.scale = ZMM()
	if s.halves() == 2 {
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
	case s.negated():
		return s.lowBytes(q)
	case s.halves() == 1: // no product of a byte reaches into the next
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

func (p *wide) multiply(part part) {
	acc := []amx.Tile{of(wideLow, part), of(wideHigh, part)}[:p.halves()]
	a := of(wideX, part)
	for _, t := range acc {
		amx.Zero(t)
	}
	LEAQ(at(p.quanta), RAX)
	for i := range parts {
		amx.Load(front, ldx, i*k16.PartBytes, a)
		for h, t := range acc {
			w := wideW + amx.Tile(h)
			amx.Load(RAX, width, (i*p.halves()+h)*tileBytes, w)
			amx.DotBytes(a, w, t)
		}
	}
	MOVQ(at(sums), RAX)
	for h, t := range acc {
		amx.Store(t, RAX, width, h*tileBytes)
	}
}

func (p *wide) scale() {
	d, dmin := ZMM(), ZMM()
	VMOVUPS(at(p.d), d)
	var mins []VecVirtual
	if p.Min != nil {
		VMOVUPS(at(p.dmin), dmin)
		for i := range p.Pairs() {
			mins = append(mins, ZMM())
			VMOVDQU64(at(p.mins+i*k16.WordBytes), mins[i])
		}
	}
	eachRow("row", func() {
		acc, sum, scale := outputs(), ZMM(), ZMM()
		if p.halves() == 2 {
			VPSLLD(Imm(8), Mem{Base: RAX, Disp: tileBytes}, sum)
			VPADDD(Mem{Base: RAX}, sum, sum)
			VCVTDQ2PS(sum, sum)
		} else {
			VCVTDQ2PS(Mem{Base: RAX}, sum)
		}
		x := Mem{Base: back, Disp: k16.BlockD}
		VMULPS_BCST(x, d, scale)
		if p.negated() {
			VFNMADD231PS(scale, sum, acc)
		} else {
			VFMADD231PS(scale, sum, acc)
		}
		if p.Min != nil {
			weighed := ZMM()
			VPXORD(weighed, weighed, weighed)
			for i, v := range mins {
				VPDPWSSD_BCST(Mem{Base: back, Disp: p.Sums() + 4*i}, v, weighed)
			}
			VCVTDQ2PS(weighed, weighed)
			VMULPS_BCST(x, dmin, scale)
			VFNMADD231PS(scale, weighed, acc)
		}
		storeOutputs(acc)
	})
}
