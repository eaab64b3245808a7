package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/k16"
)

// A plainBlock is a block as matMulWideMany unpacks it: the pairs of its scales and, if
// there are any, of its mins, d and dmin as f32, and parts of 64 columns, each the scales
// of its sub-blocks, twice the int16 a lane, and 16 quads of bytes.
type plainBlock struct {
	k16.Format
	at Mem
}

const partColumns = 64

func (p plainBlock) scales() Mem { return p.at }

// weights are what weighs the sums of activations over sub-blocks: mins or, for a
// format with a zero, the scales.
func (p plainBlock) weights() Mem {
	if p.Min == nil {
		return p.scales()
	}
	return p.at.Offset(p.PairsBytes())
}

func (p plainBlock) halves(i, h int) Mem {
	return p.weights().Offset(p.PairsBytes() + floatsBytes*i + 32*h)
}

func (p plainBlock) parts() Mem { return p.halves(p.Halves, 0) }

// partScales returns how many scales a part has.
func (p plainBlock) partScales() int { return partColumns / p.Sub }

func (p plainBlock) partBytes() int {
	return p.partScales()*k16.WordBytes + partColumns/4*quadBytes
}

func (p plainBlock) bytes() int {
	return p.parts().Disp - p.at.Disp + k16.Columns/partColumns*p.partBytes()
}

// A part addresses the scales and quads of a plainBlock's part.
type part struct {
	plainBlock
	at Mem
}

func (p part) scale(sub, h int) Mem { return p.at.Offset(k16.WordBytes*sub + 32*h) }

func (p part) quad(q, h int) Mem {
	return p.at.Offset(p.partScales()*k16.WordBytes + quadBytes*q + 32*h)
}

// matMulWideMany writes such a kernel, whose arithmetic is kernel's
// k16.matMulGeneric. It takes as many rows at a time as leave their sums and totals in
// registers.
func matMulWideMany(f k16.Format) {
	const n = 2
	t := &wideTile{Format: f, n: n, step: GP64(), pair: GP64()}
	plain := plainBlock{Format: f}
	rows, frame := newCrowd(f.Name, n, plain.bytes())
	plain.at = frame
	t.pairs = plain.scales()
	t.x, t.y, t.w = rows.x, rows.y, Load(Param("w"), GP64())
	t.acc, t.sums = vectors(n), vectors(n)
	rows.clear()
	Label("block")
	t.toPlain(plain)
	rows.each("rows", func() {
		t.clearTotals()
		p := part{plain, Mem{Base: GP64()}}
		LEAQ(plain.parts(), p.at.Base)
		left := GP64()
		MOVQ(U32(k16.Columns/partColumns), left)
		Label("part")
		t.addPart(p)
		rows.fetch(k16.PartBytes)
		t.x.Advance(Imm(k16.PartBytes))
		ADDQ(U32(plain.partBytes()), p.at.Base)
		DECQ(left)
		JNZ(LabelRef("part"))
		t.scalePlain(plain)
	})
	ADDQ(U32(f.Block()), t.w)
	ADDQ(U32(k16.WideBytes), NewParamAddr("x", manyX))
	DECQ(NewParamAddr("blocks", manyBlocks))
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// toPlain unpacks a block.
func (t *wideTile) toPlain(p plainBlock) {
	for i := range t.Halves {
		for h := range 2 {
			VMOVUPS(t.half(i, h), p.halves(i, h))
		}
	}
	t.storePairs(t.pairs, t.Scale, t.Below)
	t.storePairs(p.weights(), t.Min, 0)
	to := part{p, Mem{Base: GP64()}}
	LEAQ(p.parts(), to.at.Base)
	steps := t.begin()
	Label("step")
	for _, c := range t.Chunks {
		in := part{p, to.at.Offset(c / 2 * p.partBytes())}
		for q := range 8 {
			for h, w := range t.unpack(c, q) {
				VMOVDQU(w, in.quad(c%2*8+q, h))
			}
			if sub := t.SubOf(c, q); 4*q%t.Sub == 0 {
				for h := range 2 {
					VMOVDQU(t.twice(sub, h), in.scale(sub%p.partScales(), h))
				}
			}
		}
	}
	ADDQ(U32(t.Step/partColumns*p.partBytes()), to.at.Base)
	t.next(steps, "step")
}

// addPart adds the products of a part, times their scales, to the sums.
func (t *wideTile) addPart(p part) {
	quads := t.quadsOfSum()
	for q := range partColumns / 4 {
		w := [2]VecVirtual{YMM(), YMM()}
		for h, v := range w {
			VMOVDQU(p.quad(q, h), v)
		}
		t.multiply(w, k16.X(0)+4*q, q%quads == 0)
		for h := 0; h < 2 && (q+1)%quads == 0; h++ {
			t.addSums(h, p.scale(4*q/t.Sub, h))
		}
	}
}

// scalePlain is scale by an unpacked block.
func (t *wideTile) scalePlain(p plainBlock) {
	t.scaleBy(func(i, h int) Op { return p.halves(i, h) }, func(i, h int) Op { return pairOf(p.weights(), i, h) })
}
