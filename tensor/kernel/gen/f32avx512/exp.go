package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/exp32"
)

// all returns a vector whose lanes are v.
func all(v float64) VecVirtual {
	bits := math.Float32bits(float32(v))
	x, r := GP32(), ZMM()
	MOVL(U32(bits), x)
	VPBROADCASTD(x, r)
	return r
}

// An exponential holds the constants in registers.
type exponential struct {
	least, log2e, ln2Hi, ln2Lo, p0, one VecVirtual
	p                                   []VecVirtual
}

func newExponential() *exponential {
	e := &exponential{all(exp32.Min), all(exp32.Log2e), all(exp32.Ln2Hi), all(exp32.Ln2Lo), all(exp32.P0), all(1), nil}
	for _, c := range exp32.Coefficients {
		e.p = append(e.p, all(c))
	}
	return e
}

// of emits e**x, for x ≤ 0 or NaN, in x. A NaN stays one; see expOf of command f32.
func (e *exponential) of(x VecVirtual) VecVirtual {
	n, p, t := ZMM(), ZMM(), ZMM()
	VMAXPS(x, e.least, x)
	VMULPS(e.log2e, x, n)
	VRNDSCALEPS(U8(0), n, n)
	VFNMADD231PS(e.ln2Hi, n, x)
	VFNMADD231PS(e.ln2Lo, n, x)
	VMOVAPS(e.p0, p)
	for _, c := range e.p {
		VFMADD213PS(c, x, p)
	}
	VMULPS(x, x, t)
	VFMADD213PS(x, t, p)
	VADDPS(e.one, p, p)
	VSCALEFPS(n, p, p)
	return p
}

// expMaxRows emits, for each row of a matrix, one pass for the largest element, and one that
// stores the exponentials and adds them up.
func expMaxRows() {
	begin("expMaxRowsAVX512", "func(x *float32, stride, cols, rows, seen, group int, m, s *float32) (left int)",
		"is expMaxRowsGeneric, in 16 sums, up to a row that sees nothing but −Inf; stride is in bytes; cols, rows, group > 0. It returns how many rows are left.")
	row, stride, cols, left, seen := load("x"), load("stride"), load("cols"), load("rows"), load("seen")
	group, m, s := load("group"), load("m"), load("s")
	n, alike, least := GP64(), GP64(), all(math.Inf(-1))
	e := newExponential()
	MOVQ(group, alike)
	Label("row")
	MOVQ(seen, n)
	CMPQ(n, cols)
	CMOVQGT(cols, n)
	CMPQ(n, Imm(0))
	JLE(LabelRef("done"))
	top := maximum(n, []GPVirtual{row}, least)
	VMOVSS(top.AsX(), Mem{Base: m})
	bits := GP32()
	VMOVD(top.AsX(), bits)
	CMPL(bits, U32(math.Float32bits(float32(math.Inf(-1)))))
	JE(LabelRef("done"))
	VBROADCASTSS(top.AsX(), top)
	VMOVSS(e.sum(n, []GPVirtual{row}, top, func(a access, y VecVirtual) { a.Store(y, 0) }), Mem{Base: s})
	rest, beyond, none := GP64(), GP64(), zero()
	MOVQ(cols, rest)
	SUBQ(n, rest)
	LEAQ(Mem{Base: row, Index: n, Scale: 4}, beyond)
	loop("beyond", rest, []GPVirtual{beyond}, func(a access) { a.Store(none, 0) })
	ADDQ(stride, row)
	ADDQ(Imm(4), m)
	ADDQ(Imm(4), s)
	DECQ(alike)
	JNE(LabelRef("next"))
	INCQ(seen)
	MOVQ(group, alike)
	Label("next")
	DECQ(left)
	JNE(LabelRef("row"))
	Label("done")
	Store(left, ReturnIndex(0))
	end()
}

// sumExp emits the sum of exponentials alone.
func sumExp() {
	begin("sumExpAVX512", "func(x []float32, shift float32) float32", "is sumExpGeneric for elements up to shift, in 16 sums.")
	bases, length := slices("x")
	Store(newExponential().sum(length, bases, broadcast("shift"), func(access, VecVirtual) {}), ReturnIndex(0))
	end()
}

// addSoftmax emits the loop that adds exponentials, times a factor.
func addSoftmax() {
	begin("addSoftmaxAVX512", "func(y, x []float32, lse, a float32)", "is addSoftmaxGeneric for elements of x up to lse.")
	bases, length := slices("y", "x")
	lse, factor := broadcast("lse"), broadcast("a")
	e := newExponential()
	loop("next", length, bases, func(a access) {
		x := a.Load(1)
		VSUBPS(lse, x, x)
		y := a.Load(0)
		VFMADD231PS(e.of(x), factor, y)
		a.Store(y, 0)
	})
	end()
}

// maximum emits a loop over a slice and returns its largest element, in lane 0; least is
// −Inf in every lane.
func maximum(length GPVirtual, bases []GPVirtual, least VecVirtual) VecVirtual {
	m := ZMM()
	VMOVAPS(least, m)
	loop("max", length, bases, func(a access) {
		x := ZMM()
		if a.mask != nil {
			VMOVAPS(least, x)
			VMOVUPS(a.at[0], a.mask, x)
		} else {
			VMOVUPS(a.at[0], x)
		}
		VMAXPS(x, m, m) // a NaN is passed over
	})
	fold(m, func(a, b, dst Op) { VMAXPS(a, b, dst) })
	return m
}

// sum emits a loop over the exponentials of a slice, less shift, for f, and returns their
// sum.
func (e *exponential) sum(length GPVirtual, bases []GPVirtual, shift VecVirtual, f func(a access, y VecVirtual)) Register {
	sum := zero()
	loop("exp", length, bases, func(a access) {
		x := a.Load(0)
		VSUBPS(shift, x, x)
		y := e.of(x)
		f(a, y)
		if a.mask != nil {
			VADDPS(y, sum, a.mask, sum)
		} else {
			VADDPS(y, sum, sum)
		}
	})
	fold(sum, func(a, b, dst Op) { VADDPS(a, b, dst) })
	return sum.AsX()
}

// fold combines the lanes of v by op, into lane 0.
func fold(v VecVirtual, op func(a, b, dst Op)) {
	half := YMM()
	VEXTRACTF64X4(U8(1), v, half)
	op(half, v.AsY(), v.AsY())
	t := XMM()
	VEXTRACTF128(U8(1), v.AsY(), t)
	op(t, v.AsX(), v.AsX())
	VMOVHLPS(v.AsX(), v.AsX(), t)
	op(t, v.AsX(), v.AsX())
	VMOVSHDUP(v.AsX(), t)
	op(t, v.AsX(), v.AsX())
}
