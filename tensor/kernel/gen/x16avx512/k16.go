package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/k16"
	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/unpack"
	"limbeck/tensor/kernel/gen/x16"
)

// abreast is how many activation rows take their sums in turns: as many as hide
// the latency of an addition to a sum.
const abreast = 4

// A wideTile is the state of one kernel: n activation rows by 16 weight rows,
// one a lane. A chunk's quanta lie in 8 registers while each activation row
// passes by; a block's integer sums stay in n more, the outputs in another n. Few rows
// take each quad's as it is made.
type wideTile struct {
	k16.Format
	n     int
	x     places.Places
	w     Register // the block
	step  Register // the step of its quanta
	pair  Register // the step's first pair of scales
	pairs Mem      // all of them: two int16 a lane
	ahead Register // how far ahead it asks for words, if not k16.Ahead
	y     []VecVirtual
	total []VecVirtual

	u *unpack.Wide // of few rows throughout, else while a chunk is unpacked

	words map[int]VecVirtual // of a step, by their places, if the kernel keeps them
}

// matMulWide writes a kernel whose arithmetic is kernel's k16.matMulGeneric.
func matMulWide(f k16.Format, n int) {
	name := fmt.Sprintf("%sx16v%d", f.Name, n)
	TEXT(name, NOSPLIT, x16.Signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d activation rows by groups of 16 rows of %s.", name, n, f.Name),
		"Strides are in bytes; of a group's outputs those of lanes are written.")
	t := &wideTile{Format: f, n: n, step: GP64(), pair: GP64(), pairs: AllocLocal(f.PairsBytes())}
	y, w, x := x16.Operands(n)
	t.w, t.x = w, x
	if t.fewWithHigh() {
		t.ahead = GP64()
		MOVQ(NewDataAddr(Symbol{Name: "·highAhead"}, 0), t.ahead)
	}
	for range n {
		t.y, t.total = append(t.y, ZMM()), append(t.total, ZMM())
	}
	if t.few() {
		t.u = unpack.NewWide(f)
	}
	overGroups(y, []Register{t.w}, [][]VecVirtual{t.y}, t.x, f.Block(), k16.WideBytes, t.block)
}

// few reports whether the kernel is one of one or two activation rows, which wait for
// memory.
func (t *wideTile) few() bool { return t.n <= 2 }

// block adds a block's products to the outputs.
func (t *wideTile) block() {
	touch(Mem{Base: t.w}) // the halves, which come last
	t.fetch(t.w, 0, (t.Quanta()+k16.WordBytes-1)/k16.WordBytes)
	for p, v := range unpack.Pairs(t.Format, t.w, t.Scale, t.Below) {
		VMOVDQU64(v, t.pairs.Offset(p*k16.WordBytes))
	}
	for _, v := range t.total {
		zero(v)
	}
	LEAQ(Mem{Base: t.w, Disp: t.Quanta()}, t.step)
	LEAQ(t.pairs, t.pair)
	steps := GP64()
	MOVQ(U32(t.Steps()), steps)
	Label("step")
	t.words = map[int]VecVirtual{}
	t.touchHigh()
	for i, c := range t.Chunks {
		t.chunk(c, t.Words*i/len(t.Chunks), t.Words*(i+1)/len(t.Chunks))
	}
	t.x.Advance(U32(t.StepBytes()))
	ADDQ(U32(t.Words*k16.WordBytes), t.step)
	ADDQ(U32(t.PairsBytes()/t.Steps()), t.pair)
	DECQ(steps)
	JNZ(LabelRef("step"))
	t.scale()
	t.x.Advance(U32(k16.WideBytes - k16.BlockD))
}

// chunk adds the products of 32 columns, times their scales, to the totals, and asks for
// words lo to hi ahead.
func (t *wideTile) chunk(c, lo, hi int) {
	quad := func(q int) VecVirtual { return t.quad(c, q, lo, hi) }
	if !t.few() { // several times as many rows pass by
		t.u = unpack.NewWide(t.Format)
		var w [8]VecVirtual
		for q := range w {
			w[q] = t.quad(c, q, lo, hi)
		}
		quad = func(q int) VecVirtual { return w[q] }
	}
	subs := 32 / t.Sub
	var scales []VecVirtual
	for s := range subs {
		scales = append(scales, t.scaleOf(t.SubOf(c, s*8/subs)))
	}
	for i := 0; i < t.n; i += abreast {
		rows := min(abreast, t.n-i)
		for s := range subs {
			var acc [abreast]VecVirtual
			for r := range rows {
				acc[r] = ZMM()
				if t.Begins() {
					VPBROADCASTD(t.x.At(i+r, k16.Less(c, s*8/subs)), acc[r])
				} else {
					zero(acc[r])
				}
			}
			for q := s * 8 / subs; q < (s+1)*8/subs; q++ {
				w := quad(q)
				for r := range rows {
					VPDPBUSD_BCST(t.x.At(i+r, k16.X(c)+4*q), w, acc[r])
				}
			}
			for r := range rows {
				VPMULLD(scales[s], acc[r], acc[r])
				VPADDD(acc[r], t.total[i+r], t.total[i+r])
			}
		}
	}
}

// scaleOf returns the scale of a sub-block of the step, as int32.
func (t *wideTile) scaleOf(sub int) VecVirtual {
	v, at := ZMM(), Mem{Base: t.pair, Disp: sub / 2 * k16.WordBytes}
	if sub%2 == 0 {
		VPSLLD(Imm(16), at, v)
		VPSRAD(Imm(16), v, v)
	} else {
		VPSRAD(Imm(16), at, v)
	}
	return v
}

// quad returns quad q of a chunk's quanta, unsigned bytes: columns 4q to 4q+3. Of words
// lo to hi ahead it asks for its share: asked for at once, they hold up what is read next.
func (t *wideTile) quad(c, q, lo, hi int) VecVirtual {
	n := hi - lo
	t.fetch(t.step, lo+n*q/8, lo+n*(q+1)/8)
	return t.u.Quad(c, q, t.word)
}

// keeps reports whether a step's words stay in registers, and are not loaded again for each
// chunk. One row multiplies weights in caches faster so: by a sixth in Q4_K, by half in Q3_K
// and Q6_K. But Q5_K and Q6_K are read 3 to 5 % slower from memory, where most weights are.
func (t *wideTile) keeps() bool { return t.few() && (t.High.Count == 0 || t.Low.Count < 4) }

// word returns a word of the step, where it stays.
func (t *wideTile) word(offset int) Op {
	at := Mem{Base: t.step, Disp: offset}
	if !t.keeps() {
		return at
	}
	v, ok := t.words[offset]
	if !ok {
		v = ZMM()
		VMOVDQU64(at, v)
		t.words[offset] = v
	}
	return v
}

// touchHigh reads the lines of a step that come before those which quad reads first.
func (t *wideTile) touchHigh() {
	if !t.fewWithHigh() {
		return
	}
	last := 0
	for _, c := range t.Chunks {
		for q := range 8 {
			word, _ := t.High.At(c, q)
			last = max(last, word)
		}
	}
	for word := range last + 1 {
		touch(Mem{Base: t.step, Disp: word * k16.WordBytes})
	}
}

// fewWithHigh reports whether the kernel is one of few activation rows and a format with
// high bits.
func (t *wideTile) fewWithHigh() bool { return t.High.Count > 0 && t.few() }

// fetch asks for words lo to hi, counted from w, ahead.
func (t *wideTile) fetch(w Register, lo, hi int) {
	from := Mem{Base: w, Disp: k16.Ahead}
	if t.ahead != nil {
		from = Mem{Base: w, Index: t.ahead, Scale: 1}
	}
	for word := lo; word < hi; word++ {
		PREFETCHT0(from.Offset(word * k16.WordBytes))
	}
}

// raised reports whether totals have yet to lose Zero.
func (t *wideTile) raised() bool { return t.Zero != 0 && !t.Begins() }

// scale adds a block's totals to the outputs. The rows of x are at the end of
// their quanta.
func (t *wideTile) scale() {
	d, dmin, pairs := ZMM(), VecVirtual(nil), []VecVirtual(nil)
	VCVTPH2PS(Mem{Base: t.w}, d)
	switch {
	case t.Min != nil:
		dmin = ZMM()
		VCVTPH2PS(Mem{Base: t.w, Disp: k16.HalfBytes}, dmin)
		pairs = unpack.Pairs(t.Format, t.w, t.Min, 0)
	case t.raised():
		for p := range t.Pairs() {
			v := ZMM()
			VMOVDQU64(t.pairs.Offset(p*k16.WordBytes), v)
			pairs = append(pairs, v)
		}
	}
	for i := 0; i < t.n; i += abreast {
		rows := min(abreast, t.n-i)
		sums := t.weighSums(pairs, i, rows)
		for r := range rows {
			t.scaleRow(i+r, sums[r], d, dmin)
		}
	}
}

// weighSums returns, for n activation rows from the i-th, the sum of their sums
// over sub-blocks, each times what pairs have for it.
func (t *wideTile) weighSums(pairs []VecVirtual, i, n int) (acc [abreast]VecVirtual) {
	for r := range n {
		acc[r] = ZMM()
		zero(acc[r])
	}
	for p, v := range pairs {
		for r := range n {
			VPDPWSSD_BCST(t.x.At(i+r, t.Sums()-k16.BlockD+4*p), v, acc[r])
		}
	}
	return acc
}

// scaleRow adds a block's total to the outputs of activation row i.
func (t *wideTile) scaleRow(i int, sum, d, dmin VecVirtual) {
	total, p := t.total[i], ZMM()
	if t.raised() {
		VPSLLD(Imm(uint64(bits.TrailingZeros(uint(t.Zero)))), sum, sum)
		VPSUBD(sum, total, total)
	}
	at := t.x.At(i, 0)
	VCVTDQ2PS(total, total)
	VMULPS_BCST(at, d, p)
	VFMADD231PS(p, total, t.y[i])
	if t.Min != nil {
		VCVTDQ2PS(sum, sum)
		VMULPS_BCST(at, dmin, p)
		VFNMADD231PS(p, sum, t.y[i])
	}
}
