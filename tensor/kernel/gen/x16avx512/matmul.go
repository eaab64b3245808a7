package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/unpack"
	"limbeck/tensor/kernel/gen/x16"
)

// A tile is the state of one kernel: n activation rows by one group of 16 weight
// rows, one a lane, or by two groups that follow each other. Outputs and a block's
// sums have a register for each activation row and group; of a block, the weights of
// two quads at a time lie in registers while the activation rows pass by. Two groups
// read each activation once: a processor that multiplies two vectors a cycle, as a
// Zen 5, would else wait for its two loads a cycle.
type tile struct {
	x16.Format
	n int
	x places.Places
	w []Register     // the block of each group
	y [][]VecVirtual // by group and activation row

	// Constants, which stay in registers: a processor loads two vectors a cycle at most,
	// which is what one row by weights in caches waits for.
	u         *unpack.Narrow
	low, high VecVirtual // masks of nibbles, if they are multiplied in place
}

// matMul writes a kernel whose arithmetic is kernel's matMulGeneric, of which two
// groups at once take an even number.
func matMul(f x16.Format, n, groups int) {
	name := fmt.Sprintf("%sx%dv%d", f.Name, 16*groups, n)
	TEXT(name, NOSPLIT, x16.Signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d activation rows by groups of 16 rows of %s, %d at once.", name, n, f.Name, groups),
		"Strides are in bytes; of a group's outputs those of lanes are written.")
	y, w, x := x16.Operands(n)
	t := &tile{Format: f, n: n, x: x, w: []Register{w}}
	for range groups - 1 {
		t.w = append(t.w, GP64())
	}
	for range groups {
		t.y = append(t.y, registers(n))
	}
	if t.inPlace() {
		t.low, t.high = unpack.EveryWord("nibbles", 0x0f0f0f0f), unpack.EveryWord("high", 0xf0f0f0f0)
	} else {
		t.u = unpack.NewNarrow(f)
	}
	overGroups(y, t.w, t.y, t.x, f.Block(), x16.Q8Bytes, t.block)
}

// registers returns n of them.
func registers(n int) (v []VecVirtual) {
	for range n {
		v = append(v, ZMM())
	}
	return v
}

// overGroups emits the loops of a kernel that keeps its outputs until a group's end: by
// group of those that it takes at once, one register an activation row.
func overGroups(y Register, w []Register, outputs [][]VecVirtual, x places.Places, wBytes, xBytes int, block func()) {
	x16.OverGroups(w, x, wBytes, xBytes, func() {
		for _, rows := range outputs {
			for _, v := range rows {
				zero(v)
			}
		}
	}, block, func() {
		store(outputs, y)
		ADDQ(Imm(uint64(64*len(w))), y)
	})
	VZEROUPPER()
	RET()
}

// store writes the outputs of groups side by side.
func store(outputs [][]VecVirtual, y Register) {
	lanes, at := K(), GP64()
	KMOVW(x16.Lanes(), lanes)
	MOVQ(y, at)
	for i := range outputs[0] {
		if i > 0 {
			ADDQ(x16.Ldy(), at)
		}
		for g, rows := range outputs {
			VMOVUPS(rows[i], lanes, Mem{Base: at, Disp: 64 * g})
		}
	}
}

// block adds a block's products to the outputs, and moves on in the activations.
func (t *tile) block() {
	for _, w := range t.w {
		x16.Fetch(x16.AheadAVX512, w, 0, t.Block())
	}
	d := make([]VecVirtual, len(t.w))
	if t.Exponents { // which are long on the way
		for g := range d {
			d[g] = unpack.Powers(t.w[g])
		}
	}
	sums := t.sums()
	for g := range t.w {
		if !t.Exponents {
			d[g] = unpack.Halves(t.w[g], 0)
		}
		var m VecVirtual
		if t.Mins {
			m = unpack.Halves(t.w[g], x16.HeadBytes)
		}
		for i := range t.n {
			t.scale(g, i, sums[g][i], d[g], m)
		}
	}
	t.x.Advance(Imm(x16.Q8Bytes))
}

// sums returns Σ (q−zero)·x as int32, by group and activation row.
func (t *tile) sums() [][]VecVirtual {
	acc := t.begin()
	if t.inPlace() {
		t.inPlaceSums(acc[0][0])
		return acc
	}
	var groups []*unpack.Group
	for _, w := range t.w {
		groups = append(groups, t.u.Group(w))
	}
	for q := range 4 {
		var low, high []VecVirtual
		for _, g := range groups {
			l, h := g.Quads(q)
			low, high = append(low, l), append(high, h)
		}
		for i := range t.n {
			t.dot(low, i, q, acc)
		}
		for i := range t.n {
			t.dot(high, i, 4+q, acc)
		}
	}
	return acc
}

// dot adds the products of a quad of activation row i and all groups' weights.
func (t *tile) dot(w []VecVirtual, i, quad int, acc [][]VecVirtual) {
	x := t.x.At(i, x16.BlockQ+4*quad)
	if len(w) == 1 {
		VPDPBUSD_BCST(x, w[0], acc[0][i])
		return
	}
	v := ZMM()
	VPBROADCASTD(x, v)
	for g := range w {
		VPDPBUSD(v, w[g], acc[g][i])
	}
}

// inPlace reports whether high nibbles stay where they are, 16 times what they
// stand for, and their sum is shifted instead of each of them. That pays for one
// activation row alone: more rows share the quanta, but not the sums.
func (t *tile) inPlace() bool {
	return t.n == 1 && len(t.w) == 1 && t.Bits == 4 && t.Table == nil
}

// inPlaceSums adds to acc the products of the only activation row.
func (t *tile) inPlaceSums(acc VecVirtual) {
	sixteenfold := ZMM()
	zero(sixteenfold)
	for q := range 4 {
		w, above := ZMM(), ZMM()
		VMOVDQU64(unpack.Quad(t.Format, t.w[0], q), above)
		VPANDD(t.low, above, w)
		VPANDD(t.high, above, above)
		VPDPBUSD_BCST(t.x.At(0, x16.BlockQ+4*q), w, acc)
		VPDPBUSD_BCST(t.x.At(0, x16.BlockQ+4*(4+q)), above, sixteenfold)
	}
	VPSRAD(Imm(4), sixteenfold, sixteenfold)
	VPADDD(sixteenfold, acc, acc)
}

// begin returns sums of −offset·Σx, which what unpacking adds to the quanta makes up
// for.
func (t *tile) begin() (acc [][]VecVirtual) {
	for range t.w {
		acc = append(acc, registers(t.n))
	}
	if unpack.Offset(t.Format) == 0 {
		for _, sums := range acc {
			for _, a := range sums {
				zero(a)
			}
		}
		return acc
	}
	shift := Imm(uint64(bits.TrailingZeros(uint(unpack.Offset(t.Format)))))
	none := ZMM()
	zero(none)
	for i, a := range acc[0] {
		VPSLLD_BCST(shift, t.x.At(i, x16.BlockSum), a)
		VPSUBD(a, none, a)
		for _, sums := range acc[1:] {
			VMOVDQA64(a, sums[i])
		}
	}
	return acc
}

// scale adds a block's sums to the outputs of activation row i and a group.
func (t *tile) scale(g, i int, sum, d, m VecVirtual) {
	p, y := ZMM(), t.y[g][i]
	VCVTDQ2PS(sum, sum)
	VMULPS_BCST(t.x.At(i, x16.BlockD), d, p)
	VFMADD231PS(p, sum, y)
	if t.Mins {
		VFMADD231PS_BCST(t.x.At(i, x16.BlockDSum), m, y)
	}
}

// touch reads a word of a line: the processor's prefetcher follows lines in the
// order of memory, whatever a kernel's order is.
func touch(line Mem) { MOVQ(line, GP64()) }

// zero clears v. Of the ways to, avo knows this one to read nothing.
func zero(v VecVirtual) { VXORPS(v, v, v) }
