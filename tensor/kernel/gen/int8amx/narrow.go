package main

import (
	"fmt"

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
	quanta, scales, mins, sums int // where in the frame they begin
	bytes                      int
}

const (
	narrowChunk = 8 // blocks
	quads       = 8 // a block
)

func newNarrow(f x16.Format) routine {
	p := &narrow{Format: f, scales: headBytes}
	p.mins = p.scales + narrowChunk*vectorBytes
	p.quanta = p.mins
	if f.Mins {
		p.quanta += narrowChunk * vectorBytes
	}
	p.sums = p.quanta + narrowChunk*quads*quadBytes
	p.bytes = p.sums + 2*narrowChunk*tileBytes - headBytes
	return routine{p}
}

func (p *narrow) name() string    { return p.Name }
func (p *narrow) blockBytes() int { return x16.Q8Bytes }
func (p *narrow) chunk() int      { return narrowChunk }
func (p *narrow) frameBytes() int { return p.bytes }

// A narrow product's tiles: sums and activations of 16 rows, and of those left, and
// weights.
const (
	narrowSums = amx.Tile(2 * iota)
	narrowX
	narrowW
)

func (p *narrow) tiles() []shape {
	const columns = 32
	return []shape{{tileRows, vectorBytes}, {partRows, vectorBytes}, {tileRows, columns}, {partRows, columns}, {quads, quadBytes}}
}

// of returns the tile of a part.
func of(first amx.Tile, at part) amx.Tile {
	if at == rest {
		return first + 1
	}
	return first
}

func (p *narrow) unpack() {
	u := unpack.NewSigned(p.Format)
	to, scales, left := RAX, RDX, RCX
	LEAQ(at(p.quanta), to)
	LEAQ(at(p.scales), scales)
	MOVQ(at(count), left)
	Label("unpack")
	x16.Fetch(x16.AheadAVX512, w, 0, p.Block())
	if p.Exponents {
		VMOVUPS(unpack.Powers(w), Mem{Base: scales})
	} else {
		VMOVUPS(unpack.Halves(w, 0), Mem{Base: scales})
	}
	if p.Mins {
		VMOVUPS(unpack.Halves(w, x16.HeadBytes), Mem{Base: scales, Disp: p.mins - p.scales})
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
	LEAQ(at(p.sums), RAX)
	MOVQ(RAX, at(sums))
	LEAQ(at(p.sums+narrowChunk*tileBytes), RAX)
	MOVQ(RAX, at(oldSums))
}

func (p *narrow) multiply(part part) {
	x, quanta, to, left := RAX, RDI, RDX, RCX
	acc, a := of(narrowSums, part), of(narrowX, part)
	MOVQ(front, x)
	LEAQ(at(p.quanta), quanta)
	MOVQ(at(sums), to)
	MOVQ(at(count), left)
	label := fmt.Sprintf("multiply%d", acc)
	Label(label)
	amx.Load(x, ldx, x16.BlockQ, a)
	amx.Load(quanta, width, 0, narrowW)
	amx.Zero(acc)
	amx.DotBytes(a, narrowW, acc)
	amx.Store(acc, to, width, 0)
	ADDQ(Imm(x16.Q8Bytes), x)
	ADDQ(U32(quads*quadBytes), quanta)
	ADDQ(U32(tileBytes), to)
	DECQ(left)
	JNE(LabelRef(label))
}

// scale takes a whole chunk's scales to registers, other chunks' from memory.
func (p *narrow) scale() {
	CMPQ(at(count), Imm(narrowChunk))
	JNE(LabelRef("fewer"))
	var d, m [narrowChunk]VecVirtual
	for b := range d {
		d[b] = ZMM()
		VMOVUPS(at(p.scales+b*vectorBytes), d[b])
		if p.Mins {
			m[b] = ZMM()
			VMOVUPS(at(p.mins+b*vectorBytes), m[b])
		}
	}
	eachRow("row", func() {
		acc := outputs()
		for b := range d {
			p.add(acc, Mem{Base: back, Disp: b * x16.Q8Bytes}, Mem{Base: RAX, Disp: b * tileBytes}, d[b], m[b])
		}
		storeOutputs(acc)
	})
	JMP(LabelRef("scaled"))
	Label("fewer")
	eachRow("fewRow", func() {
		x, sum, scale, left := RCX, RDX, RDI, R14
		MOVQ(back, x)
		MOVQ(RAX, sum)
		LEAQ(at(p.scales), scale)
		MOVQ(at(count), left)
		acc := outputs()
		Label("few")
		d := ZMM()
		VMOVUPS(Mem{Base: scale}, d)
		p.add(acc, Mem{Base: x}, Mem{Base: sum}, d, Mem{Base: scale, Disp: p.mins - p.scales})
		ADDQ(Imm(x16.Q8Bytes), x)
		ADDQ(U32(tileBytes), sum)
		ADDQ(Imm(vectorBytes), scale)
		DECQ(left)
		JNE(LabelRef("few"))
		storeOutputs(acc)
	})
}

// add adds a block's sums to a row's outputs.
func (p *narrow) add(acc VecVirtual, x, sum Mem, d VecVirtual, m Op) {
	s, scale := ZMM(), ZMM()
	VCVTDQ2PS(sum, s)
	VMULPS_BCST(x.Offset(x16.BlockD), d, scale)
	VFMADD231PS(scale, s, acc)
	if !p.Mins {
		return
	}
	if _, ok := m.(VecVirtual); !ok {
		v := ZMM()
		VMOVUPS(m, v)
		m = v
	}
	VFMADD231PS_BCST(x.Offset(x16.BlockDSum), m, acc)
}
