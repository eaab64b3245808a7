package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/x16"
)

// abreast is how many activation rows take their sums in turns: as many as hide
// the latency of an addition to a sum.
const abreast = 4

// A tile is the state of one kernel: n activation rows by 16 weight rows, one
// a lane. A block's weights lie in 8 registers while each activation row passes
// by; the outputs stay in n more until the last block. Weights come in the order
// of memory, which the processor's own prefetcher serves best.
type tile struct {
	x16.Format
	n int
	x places.Places
	w Register
	y []VecVirtual
}

// matMul writes a kernel whose arithmetic is kernel's matMulGeneric.
func matMul(f x16.Format, n int) {
	name := fmt.Sprintf("%sx16v%d", f.Name, n)
	TEXT(name, NOSPLIT, x16.Signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d activation rows by groups of 16 rows of %s.", name, n, f.Name),
		"Strides are in bytes; of a group's outputs those of lanes are written.")
	t := &tile{Format: f, n: n}
	y, w, x := x16.Operands(n)
	t.w, t.x = w, x
	for range n {
		t.y = append(t.y, ZMM())
	}
	overGroups(y, t.w, t.y, t.x, f.Block(), x16.Q8Bytes, func() {
		t.block()
		t.x.Advance(Imm(x16.Q8Bytes))
	})
}

// overGroups emits the loops of a kernel that keeps its outputs, one register an
// activation row, until a group's end.
func overGroups(y, w Register, outputs []VecVirtual, x places.Places, wBytes, xBytes int, block func()) {
	x16.OverGroups(w, x, wBytes, xBytes, func() {
		for _, v := range outputs {
			zero(v)
		}
	}, block, func() {
		store(outputs, y)
		ADDQ(Imm(64), y)
	})
	VZEROUPPER()
	RET()
}

// store writes a group's outputs, a register an activation row.
func store(outputs []VecVirtual, y Register) {
	lanes, at := K(), GP64()
	KMOVW(x16.Lanes(), lanes)
	MOVQ(y, at)
	for i, v := range outputs {
		if i > 0 {
			ADDQ(x16.Ldy(), at)
		}
		VMOVUPS(v, lanes, Mem{Base: at})
	}
}

// block adds a block's products to the outputs.
func (t *tile) block() {
	d, m := t.scales(), VecVirtual(nil)
	if t.Mins {
		m = t.halves(x16.HeadBytes)
	}
	w := t.unpack()
	for i := 0; i < t.n; i += abreast {
		rows := min(abreast, t.n-i)
		sums := t.sums(w, i, rows)
		for r := range rows {
			t.scale(i+r, sums[r], d, m)
		}
	}
}

// scales returns the 16 scales.
func (t *tile) scales() VecVirtual {
	if !t.Exponents {
		return t.halves(0)
	}
	// 2^(e−128) as a product of two normal powers, 2^(⌊e/2⌋−64) and the rest.
	v, rest, bias := ZMM(), ZMM(), ZMM()
	VPMOVZXBD(Mem{Base: t.w}, rest)
	VPBROADCASTD(word("bias", 127-64), bias)
	VPSRLD(Imm(1), rest, v)
	VPSUBD(v, rest, rest)
	for _, e := range []VecVirtual{v, rest} {
		VPADDD(bias, e, e)
		VPSLLD(Imm(23), e, e)
	}
	VMULPS(rest, v, v)
	return v
}

// halves converts the 16 f16 at an offset of the block.
func (t *tile) halves(offset int) VecVirtual {
	v := ZMM()
	VCVTPH2PS(Mem{Base: t.w, Disp: offset}, v)
	return v
}

// sums returns Σ (q−zero)·x of n activation rows from the i-th, as int32.
func (t *tile) sums(w [8]VecVirtual, i, n int) (acc [abreast]VecVirtual) {
	for r := range n {
		acc[r] = ZMM()
	}
	t.begin(acc[:n], i)
	if t.inPlace() {
		high := ZMM()
		zero(high)
		for quad := range 4 {
			VPDPBUSD_BCST(t.x.At(i, x16.BlockQ+4*quad), w[quad], acc[0])
			VPDPBUSD_BCST(t.x.At(i, x16.BlockQ+4*(4+quad)), w[4+quad], high)
		}
		VPSRAD(Imm(4), high, high)
		VPADDD(high, acc[0], acc[0])
		return acc
	}
	for quad, v := range w {
		for r := range n {
			VPDPBUSD_BCST(t.x.At(i+r, x16.BlockQ+4*quad), v, acc[r])
		}
	}
	return acc
}

// begin sets the sums of rows from the i-th on to −offset·Σx, which what unpack
// adds to the quanta makes up for.
func (t *tile) begin(acc []VecVirtual, i int) {
	if t.offset() == 0 {
		for _, a := range acc {
			zero(a)
		}
		return
	}
	shift := Imm(uint64(bits.TrailingZeros(uint(t.offset()))))
	none := ZMM()
	zero(none)
	for r, a := range acc {
		VPSLLD_BCST(shift, t.x.At(i+r, x16.BlockSum), a)
		VPSUBD(a, none, a)
	}
}

// scale adds a block's sums to the outputs of activation row i.
func (t *tile) scale(i int, sum, d, m VecVirtual) {
	p := ZMM()
	VCVTDQ2PS(sum, sum)
	VMULPS_BCST(t.x.At(i, x16.BlockD), d, p)
	VFMADD231PS(p, sum, t.y[i])
	if t.Mins {
		VFMADD231PS_BCST(t.x.At(i, x16.BlockDSum), m, t.y[i])
	}
}

// touch reads a word of a line: the processor's prefetcher follows lines in the
// order of memory, whatever a kernel's order is.
func touch(line Mem) { MOVQ(line, GP64()) }

// zero clears v. Of the ways to, avo knows this one to read nothing.
func zero(v VecVirtual) { VXORPS(v, v, v) }
