package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
	"limbeck/tensor/kernel/gen/k16"
	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/x16"
)

// A wideTile is the state of one kernel: n activation rows by 16 weight rows.
type wideTile struct {
	k16.Format
	n      int
	x, y   places.Places
	w      Register        // the block
	step   Register        // the step of its quanta
	pair   Register        // the step's first pair of scales
	pairs  Mem             // all of them: two int16 a lane
	totals Mem             // of a block, by activation row
	sums   [][2]VecVirtual // the same, where there are registers for them
	acc    [][2]VecVirtual // sums of a few quads, by activation row and half of the 16 lanes
}

// matMulWide writes a kernel whose arithmetic is kernel's k16.matMulGeneric.
func matMulWide(f k16.Format, n int) {
	name := fmt.Sprintf("%sx16n%d", f.Name, n)
	TEXT(name, 0, x16.Signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d activation rows by groups of 16 rows of %s.", name, n, f.Name),
		"Strides are in bytes; lanes leave out outputs of a single group.")
	t := &wideTile{Format: f, n: n, step: GP64(), pair: GP64(), pairs: AllocLocal(f.PairsBytes())}
	if n > 2 {
		t.totals = AllocLocal(n * 64)
	} else {
		t.sums = vectors(n)
	}
	copyLanes := x16.WholeOutputs(n)
	t.w, t.y, t.x = operands(n)
	t.acc = vectors(n)
	x16.OverGroups([]Register{t.w}, t.x, f.Block(), k16.WideBytes,
		func() { t.clear(t.y.At) }, t.block, func() { t.y.Advance(Imm(64)) })
	copyLanes()
	VZEROUPPER()
	RET()
}

// vectors returns registers for 16 lanes of each of n activation rows.
func vectors(n int) (v [][2]VecVirtual) {
	for range n {
		v = append(v, [2]VecVirtual{YMM(), YMM()})
	}
	return v
}

// clear clears 16 lanes of each activation row.
func (t *wideTile) clear(at func(i, offset int) Mem) {
	none := YMM()
	VPXOR(none, none, none)
	for i := range t.n {
		VMOVDQU(none, at(i, 0))
		VMOVDQU(none, at(i, 32))
	}
}

// clearTotals begins a block.
func (t *wideTile) clearTotals() {
	if t.sums == nil {
		t.clear(t.total)
		return
	}
	for _, s := range t.sums {
		for _, v := range s {
			VPXOR(v, v, v)
		}
	}
}

// add adds a product to a total.
func (t *wideTile) add(p VecVirtual, i, h int) {
	if t.sums != nil {
		VPADDD(p, t.sums[i][h], t.sums[i][h])
		return
	}
	VPADDD(t.total(i, 32*h), p, p)
	VMOVDQU(p, t.total(i, 32*h))
}

func (t *wideTile) total(i, offset int) Mem { return t.totals.Offset(64*i + offset) }

// block adds a block's products to the outputs.
func (t *wideTile) block() {
	x16.FetchAVX2(t.n, x16.AheadSlowAVX2, t.w, 0, t.Quanta())
	t.storePairs(t.pairs, t.Scale, t.Below)
	t.clearTotals()
	steps := t.begin()
	Label("step")
	bytes := t.Words * k16.WordBytes / len(t.Chunks) // at once: behind a whole step's, loads wait
	for i, c := range t.Chunks {
		x16.FetchAVX2(t.n, x16.AheadSlowAVX2, t.step, i*bytes, bytes)
		t.chunk(c)
	}
	t.x.Advance(U32(t.StepBytes()))
	t.next(steps, "step")
	t.scale()
	t.x.Advance(U32(k16.WideBytes - k16.BlockD))
}

// begin goes to the first step and returns how many there are.
func (t *wideTile) begin() Register {
	LEAQ(Mem{Base: t.w, Disp: t.Quanta()}, t.step)
	LEAQ(t.pairs, t.pair)
	steps := GP64()
	MOVQ(U32(t.Steps()), steps)
	return steps
}

// next goes on to the next step, if there is one.
func (t *wideTile) next(steps Register, label string) {
	ADDQ(U32(t.Words*k16.WordBytes), t.step)
	ADDQ(U32(t.PairsBytes()/t.Steps()), t.pair)
	DECQ(steps)
	JNZ(LabelRef(label))
}

// storePairs stores the scales or the mins of which the parts are given, less
// below: word p has those of sub-blocks 2p and 2p+1 as int16.
func (t *wideTile) storePairs(to Mem, groups [][]k16.Part, below int) {
	for g, parts := range groups {
		for h := range 2 {
			v := t.bytesOf(parts, h)
			if below != 0 {
				VPSUBB(filled(fmt.Sprintf("bytes%d", below), uint32(below)*0x01010101), v, v)
			}
			for half := range 2 {
				VMOVDQU(spread(v, half), pairOf(to, 2*g+half, h))
			}
		}
	}
}

// pairOf addresses half of a word that storePairs stored.
func pairOf(pairs Mem, p, h int) Mem { return pairs.Offset(p*k16.WordBytes + 32*h) }

// spread returns bytes 0 and 1 of each lane, or 2 and 3, as int16.
func spread(v VecVirtual, half int) VecVirtual {
	p := YMM()
	VPSHUFB(pattern(fmt.Sprintf("spread%d", half), func(i int) byte {
		if i%2 == 0 {
			return 0x80
		}
		return byte(i/4*4 + 2*half + i%4/2)
	}), v, p)
	VPSRAW(Imm(8), p, p)
	return p
}

// pattern returns 16 bytes in memory, twice, under that name.
func pattern(name string, at func(i int) byte) Mem {
	return constants.Vector("x16"+name, 32, func(i int) Constant { return U8(at(i % 16)) })
}

// bytesOf returns four scales or mins a lane, in bytes.
func (t *wideTile) bytesOf(parts []k16.Part, h int) VecVirtual {
	var sum VecVirtual
	for _, p := range parts {
		v := shifted(Mem{Base: t.w, Disp: t.ScalesAt() + p.Word*k16.WordBytes + 32*h}, p.Shift)
		if p.Mask != ^uint32(0) {
			VPAND(filled(fmt.Sprintf("mask%x", p.Mask), p.Mask), v, v)
		}
		if sum != nil {
			VPOR(sum, v, v)
		}
		sum = v
	}
	return sum
}

// shifted loads words, shifted right or, if shift is negative, left.
func shifted(from Mem, shift int) VecVirtual {
	v := YMM()
	VMOVDQU(from, v)
	if shift > 0 {
		VPSRLW(Imm(uint64(shift)), v, v)
	} else if shift < 0 {
		VPSLLW(Imm(uint64(-shift)), v, v)
	}
	return v
}

// chunk adds the products of 32 columns, times their scales, to the totals. A
// pair of products is at most 2·127 times the largest quantum, and 16 bits hold
// the sums of some quads.
func (t *wideTile) chunk(c int) {
	if t.Table != nil {
		t.chunkSigned(c)
		return
	}
	quads := t.quadsOfSum()
	for q := range 8 {
		t.multiply(t.unpack(c, q), k16.X(c)+4*q, q%quads == 0)
		if (q+1)%quads != 0 {
			continue
		}
		sub := t.SubOf(c, q)
		for h := range 2 {
			t.addSums(h, t.twice(sub, h))
		}
	}
}

// quadsOfSum returns of how many quads 16 bits hold the products of two columns.
func (t *wideTile) quadsOfSum() int {
	largest, quads := 1<<(t.Low.Count+t.High.Count)-1, 1
	for 2*quads*2*127*largest < 1<<15 && 2*quads <= t.Sub/4 {
		quads *= 2
	}
	return quads
}

// multiply leaves the products of a quad with that of each activation row in acc, or
// adds them to it.
func (t *wideTile) multiply(w [2]VecVirtual, x int, first bool) {
	for i := range t.n {
		b := YMM()
		VPBROADCASTD(t.x.At(i, x), b)
		for h, a := range t.acc[i] {
			if first {
				VPMADDUBSW(b, w[h], a)
				continue
			}
			p := YMM()
			VPMADDUBSW(b, w[h], p)
			VPADDW(p, a, a)
		}
	}
}

// twice returns the scale of a sub-block of the step, twice as int16 a lane.
func (t *wideTile) twice(sub, h int) VecVirtual {
	s := YMM()
	VMOVDQU(Mem{Base: t.pair, Disp: sub/2*k16.WordBytes + 32*h}, s)
	VPSHUFB(pattern(fmt.Sprintf("twice%d", sub%2), func(i int) byte { return byte(i/4*4 + sub%2*2 + i%2) }), s, s)
	return s
}

// chunkSigned is chunk for quanta that span an int8: 16 bits hold one pair.
func (t *wideTile) chunkSigned(c int) {
	for q := range 8 {
		w := t.unpack(c, q)
		for h := range 2 {
			size := YMM()
			VPABSB(w[h], size)
			for i := range t.n {
				b, a := YMM(), t.acc[i][h]
				VPBROADCASTD(t.x.At(i, k16.X(c)+4*q), b)
				VPSIGNB(w[h], b, b)
				VPMADDUBSW(b, size, b)
				if q == 0 {
					VPMADDWD(filled("ones", 0x00010001), b, a)
					continue
				}
				VPMADDWD(filled("ones", 0x00010001), b, b)
				VPADDD(b, a, a)
			}
		}
	}
	t.addProducts(c)
}

// addProducts adds a chunk's sums, times its scale, to the totals.
func (t *wideTile) addProducts(c int) {
	for h := range 2 {
		s := YMM()
		t.scaleOf(s, 0, t.SubOf(c, 0), h)
		for i := range t.n {
			a := t.acc[i][h]
			VPMULLD(s, a, a)
			t.add(a, i, h)
		}
	}
}

// scaleOf loads the scale, or what is offset bytes behind it, of a sub-block of
// the step, as int32.
func (t *wideTile) scaleOf(s VecVirtual, offset, sub, h int) {
	VMOVDQU(Mem{Base: t.pair, Disp: offset + sub/2*k16.WordBytes + 32*h}, s)
	if sub%2 == 0 {
		VPSLLD(Imm(16), s, s)
	}
	VPSRAD(Imm(16), s, s)
}

// addSums adds the sums so far, times a scale, to the totals.
func (t *wideTile) addSums(h int, scale Op) {
	for i := range t.n {
		a := t.acc[i][h]
		VPMADDWD(scale, a, a)
		t.add(a, i, h)
	}
}

// unpack returns quad q of a chunk, unsigned bytes.
func (t *wideTile) unpack(c, q int) (w [2]VecVirtual) {
	for h := range w {
		w[h] = t.bitsOf(t.Low, c, q, h)
		if t.High.Count > 0 {
			VPADDB(t.bitsOf(t.High, c, q, h), w[h], w[h]) // more of these a cycle than of VPOR
		}
		if t.Table != nil {
			lookUp(w[h], t.Name, t.Table, t.Zero)
		}
	}
	return w
}

func (t *wideTile) bitsOf(b k16.Bits, c, q, h int) VecVirtual {
	offset, shift := b.Offset(c, q)
	v := shifted(Mem{Base: t.step, Disp: offset + 32*h}, shift)
	VPAND(filled(fmt.Sprintf("mask%x", b.Mask()), b.Mask()), v, v)
	return v
}

// scale adds a block's totals to the outputs. The rows of x are at the end of
// their quanta.
func (t *wideTile) scale() {
	t.scaleBy(func(i, h int) Op { return t.half(i, h) }, func(p, h int) Op {
		if t.Min != nil {
			return spread(t.bytesOf(t.Min[p/2], h), p%2)
		}
		v := YMM()
		VMOVDQU(pairOf(t.pairs, p, h), v)
		return v
	})
}

// scaleBy is scale by d and dmin as f32, and by what weighs the sums of two sub-blocks.
func (t *wideTile) scaleBy(halves, weights func(i, h int) Op) {
	for h := range 2 {
		if t.Min != nil || t.raised() {
			t.weighSums(h, weights)
		}
		d, dmin := halves(0, h), Op(nil)
		if t.Min != nil {
			dmin = halves(1, h)
		}
		for i := range t.n {
			t.scaleRow(i, h, d, dmin)
		}
	}
}

// raised reports whether quanta are above their values by Zero. Levels of a table
// are not: they are multiplied as they are.
func (t *wideTile) raised() bool { return t.Zero != 0 && t.Table == nil }

// half converts 8 f16.
func (t *wideTile) half(i, h int) VecVirtual {
	v := YMM()
	VCVTPH2PS(Mem{Base: t.w, Disp: i*k16.HalfBytes + 16*h}, v)
	return v
}

// weighSums leaves in acc the sums of activations over sub-blocks, each times its
// min or, for a format with a zero, its scale.
func (t *wideTile) weighSums(h int, weights func(p, h int) Op) {
	for p := range t.Pairs() {
		pair := weights(p, h)
		for i := range t.n {
			b := YMM()
			VPBROADCASTD(t.x.At(i, t.Sums()-k16.BlockD+4*p), b)
			if p == 0 {
				VPMADDWD(pair, b, t.acc[i][h])
				continue
			}
			VPMADDWD(pair, b, b)
			VPADDD(b, t.acc[i][h], t.acc[i][h])
		}
	}
}

// scaleRow adds a block's total to half of the outputs of activation row i.
func (t *wideTile) scaleRow(i, h int, d, dmin Op) {
	dx, total, y, p, sum := YMM(), YMM(), YMM(), YMM(), t.acc[i][h]
	VBROADCASTSS(t.x.At(i, 0), dx)
	if t.sums != nil {
		total = t.sums[i][h]
	} else {
		VMOVDQU(t.total(i, 32*h), total)
	}
	if t.raised() {
		VPSLLD(Imm(uint64(bits.TrailingZeros(uint(t.Zero)))), sum, sum)
		VPSUBD(sum, total, total)
	}
	VMOVUPS(t.y.At(i, 32*h), y)
	VCVTDQ2PS(total, total)
	VMULPS(d, dx, p)
	VFMADD231PS(p, total, y)
	if t.Min != nil {
		VCVTDQ2PS(sum, sum)
		VMULPS(dmin, dx, p)
		VFNMADD231PS(p, sum, y)
	}
	VMOVUPS(y, t.y.At(i, 32*h))
}

// panelWide writes a routine that decodes a group column by column, as kernel's
// k16.decodePanelGeneric.
func panelWide(f k16.Format) {
	TEXT(f.Name+"x16panel", 0, "func(dst *float32, w *byte, blocks int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%sx16panel decodes the blocks of a group, columns of 16 floats; blocks > 0.", f.Name))
	dst := Load(Param("dst"), GP64())
	local := AllocLocal(2 * f.PairsBytes())
	t := &wideTile{Format: f, n: 1, step: GP64(), pair: GP64(), pairs: local}
	t.w = Load(Param("w"), GP64())
	blocks := Load(Param("blocks"), GP64())
	Label("block")
	t.storePairs(t.pairs, f.Scale, f.Below)
	if f.Min != nil {
		t.storePairs(local.Offset(f.PairsBytes()), f.Min, 0)
	}
	steps := t.begin()
	Label("step")
	for _, c := range f.Chunks {
		for q := range 8 {
			t.decode(dst, c, q)
		}
	}
	ADDQ(U32(f.Step*64), dst)
	t.next(steps, "step")
	ADDQ(U32(f.Block()), t.w)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// decode writes the values of a quad of the step.
func (t *wideTile) decode(dst Register, c, q int) {
	w, sub := t.unpack(c, q), t.SubOf(c, q)
	for h := range 2 {
		scale := t.times(t.half(0, h), 0, sub, h)
		var low VecVirtual
		if t.Min != nil {
			low = t.times(t.half(1, h), t.PairsBytes(), sub, h)
		}
		for i := range 4 {
			v := byteOf(w[h], i, t.Table != nil)
			if t.raised() {
				VPSUBD(filled(fmt.Sprintf("zero%d", t.Zero), uint32(t.Zero)), v, v)
			}
			VCVTDQ2PS(v, v)
			VMULPS(scale, v, v)
			if t.Min != nil {
				VSUBPS(low, v, v)
			}
			VMOVUPS(v, Mem{Base: dst, Disp: 64*(32*c+4*q+i) + 32*h})
		}
	}
}

// times returns d times the scale, or what is offset bytes behind it, of a
// sub-block of the step.
func (t *wideTile) times(d VecVirtual, offset, sub, h int) VecVirtual {
	s := YMM()
	t.scaleOf(s, offset, sub, h)
	VCVTDQ2PS(s, s)
	VMULPS(d, s, s)
	return s
}
