package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/x16"
)

// panel writes a routine that decodes a group column by column, as kernel's
// decodePanelGeneric.
func panel(f x16.Format) {
	TEXT(f.Name+"x16panel", NOSPLIT, "func(dst *float32, w *byte, blocks int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%sx16panel decodes the blocks of a group, columns of 16 floats; blocks > 0.", f.Name))
	dst := Load(Param("dst"), GP64())
	t := &tile{Format: f, n: 1}
	t.w = Load(Param("w"), GP64())
	blocks := Load(Param("blocks"), GP64())
	t.mask = filled("nibbles", 0x0f0f0f0f)
	Label("block")
	d := t.scales()
	var m [2]Op
	if f.Mins {
		m = t.halves(x16.HeadBytes)
	}
	for quad := range 8 {
		w := t.quad(quad)
		for i := range 4 {
			for h := range 2 {
				v := t.level(w[h], i)
				VCVTDQ2PS(v, v)
				VMULPS(d[h], v, v)
				if f.Mins {
					VADDPS(m[h], v, v)
				}
				VMOVUPS(v, Mem{Base: dst, Disp: 64*(4*quad+i) + 32*h})
			}
		}
	}
	ADDQ(U32(f.Block()), t.w)
	ADDQ(U32(32*64), dst)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// quad returns the bytes of columns 4q to 4q+3, a lane a row.
func (t *tile) quad(q int) (w [2]VecVirtual) {
	if t.Bits < 8 {
		return t.unpack(q%4, q >= 4)
	}
	for h := range w {
		w[h] = YMM()
		VMOVDQU(Mem{Base: t.w, Disp: t.Quanta() + 64*q + 32*h}, w[h])
	}
	return w
}

// level extends byte i of each lane to an int32, q−zero.
func (t *tile) level(w VecVirtual, i int) VecVirtual {
	v := byteOf(w, i, t.Signed())
	if t.raised() {
		VPSUBD(filled(fmt.Sprintf("zero%d", t.Zero), uint32(t.Zero)), v, v)
	}
	return v
}

// byteOf extends byte i of each lane to an int32.
func byteOf(w VecVirtual, i int, signed bool) VecVirtual {
	v := YMM()
	if i == 3 {
		VMOVDQA(w, v)
	} else {
		VPSLLD(Imm(uint64(24-8*i)), w, v)
	}
	if signed {
		VPSRAD(Imm(24), v, v)
	} else {
		VPSRLD(Imm(24), v, v)
	}
	return v
}
