package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/amx"
	"limbeck/tensor/kernel/gen/unpack"
	"limbeck/tensor/kernel/gen/x16"
)

// A narrow product is that of a layout with 32 columns a block: each has a tile of sums.
type narrow struct {
	x16.Format
	mins, quanta, bytes int // where they begin in an unpacked group, behind the scales, and end
}

const (
	narrowChunk = 8 // blocks
	quads       = 8 // a block
)

func newNarrow(f x16.Format) routine {
	p := &narrow{Format: f, mins: narrowChunk * vectorBytes}
	p.quanta = p.mins
	if f.Mins {
		p.quanta += narrowChunk * vectorBytes
	}
	p.bytes = p.quanta + narrowChunk*quads*quadBytes
	return routine{p}
}

func (p *narrow) family() string     { return "narrow" }
func (p *narrow) name() string       { return p.Name }
func (p *narrow) blockBytes() int    { return x16.Q8Bytes }
func (p *narrow) chunk() int         { return narrowChunk }
func (p *narrow) weightBytes() int   { return p.Block() }
func (p *narrow) unpackedBytes() int { return p.bytes }
func (p *narrow) sumBytes() int      { return narrowChunk * tileBytes }

// A narrow product's tiles: sums and activations of 16 rows, and of those left, and
// weights.
const (
	narrowSums = amx.Tile(2 * iota)
	narrowX
	narrowW
)

func (p *narrow) tiles() []shape {
	const columns = 32
	return []shape{
		{tileRows, vectorBytes}, {partRows, vectorBytes},
		{tileRows, columns}, {partRows, columns},
		{quads, quadBytes},
	}
}

// of returns the tile of a part.
func of(first amx.Tile, at part) amx.Tile {
	if at == rest {
		return first + 1
	}
	return first
}

func (p *narrow) unpack() {
	u := unpack.NewSignedNarrow(p.Format)
	to, scales, left := RAX, RDX, RCX
	LEAQ(Mem{Base: unpacked, Disp: p.quanta}, to)
	MOVQ(unpacked, scales)
	MOVQ(at(count), left)
	Label("unpack")
	x16.Fetch(x16.AheadAVX512, w, 0, p.Block())
	if p.Exponents {
		VMOVUPS(unpack.Powers(w), Mem{Base: scales})
	} else {
		VMOVUPS(unpack.Halves(w, 0), Mem{Base: scales})
	}
	if p.Mins {
		VMOVUPS(unpack.Halves(w, x16.HeadBytes), Mem{Base: scales, Disp: p.mins})
	}
	g := u.Group(w)
	for q := range 4 {
		low, high := g.Quads(q)
		VMOVDQU64(low, Mem{Base: to, Disp: q * quadBytes})
		VMOVDQU64(high, Mem{Base: to, Disp: (4 + q) * quadBytes})
	}
	ADDQ(U32(p.Block()), w)
	ADDQ(U32(quads*quadBytes), to)
	ADDQ(Imm(vectorBytes), scales)
	DECQ(left)
	JNE(LabelRef("unpack"))
}

// Where a step's operands are.
var (
	narrowFrom = RAX
	narrowBy   = RDI
	narrowTo   = RDX
)

func (p *narrow) begin(part) {
	MOVQ(front, narrowFrom)
	MOVQ(at(frontW), narrowBy)
	ADDQ(U32(p.quanta), narrowBy)
	MOVQ(at(sums), narrowTo)
}

// step makes the sums of a block.
func (p *narrow) step(part part) {
	acc, a := of(narrowSums, part), of(narrowX, part)
	amx.Load(narrowFrom, ldx, x16.BlockQ, a)
	amx.Load(narrowBy, width, 0, narrowW)
	amx.Zero(acc)
	amx.DotBytes(a, narrowW, acc)
	amx.Store(acc, narrowTo, width, 0)
	ADDQ(Imm(x16.Q8Bytes), narrowFrom)
	ADDQ(U32(quads*quadBytes), narrowBy)
	ADDQ(U32(tileBytes), narrowTo)
}

func (p *narrow) steps() Op       { return at(count) }
func (p *narrow) wholeSteps() int { return narrowChunk }
func (p *narrow) finish(part)     {}

func (p *narrow) scales() (row func()) {
	MOVQ(at(backW), RCX)
	var d, m [narrowChunk]VecVirtual
	for b := range d {
		d[b] = ZMM()
		VMOVUPS(Mem{Base: RCX, Disp: b * vectorBytes}, d[b])
		if p.Mins {
			m[b] = ZMM()
			VMOVUPS(Mem{Base: RCX, Disp: p.mins + b*vectorBytes}, m[b])
		}
	}
	return func() {
		acc := outputs()
		for b := range d {
			p.add(acc, Mem{Base: back, Disp: b * x16.Q8Bytes}, Mem{Base: sum, Disp: b * tileBytes}, d[b], m[b])
		}
		storeOutputs(acc)
	}
}

func (p *narrow) fewScales() (row func()) {
	return func() {
		x, from, scale, left := RCX, RDX, RDI, RAX
		MOVQ(back, x)
		MOVQ(sum, from)
		MOVQ(at(backW), scale)
		MOVQ(at(count), left)
		acc := outputs()
		Label("few")
		d, m := ZMM(), VecVirtual(nil)
		VMOVUPS(Mem{Base: scale}, d)
		if p.Mins {
			m = ZMM()
			VMOVUPS(Mem{Base: scale, Disp: p.mins}, m)
		}
		p.add(acc, Mem{Base: x}, Mem{Base: from}, d, m)
		ADDQ(Imm(x16.Q8Bytes), x)
		ADDQ(U32(tileBytes), from)
		ADDQ(Imm(vectorBytes), scale)
		DECQ(left)
		JNE(LabelRef("few"))
		storeOutputs(acc)
	}
}

// add adds a block's sums to a row's outputs.
func (p *narrow) add(acc VecVirtual, x, from Mem, d, m VecVirtual) {
	s, scale := ZMM(), ZMM()
	VCVTDQ2PS(from, s)
	VMULPS_BCST(x.Offset(x16.BlockD), d, scale)
	VFMADD231PS(scale, s, acc)
	if p.Mins {
		VFMADD231PS_BCST(x.Offset(x16.BlockDSum), m, acc)
	}
}
