package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/exp32"
	"limbeck/tensor/kernel/gen/swiglu"
)

func f32(v float64) Mem { return bits(math.Float32bits(float32(v))) }

// expOf emits e**x and returns it. A NaN stays one: of two operands VMAXPS and
// VMINPS give the second in Intel's order, the first here, if either is a NaN.
func expOf(x VecVirtual) VecVirtual {
	n, r, p, t := YMM(), YMM(), YMM(), YMM()
	VMOVUPS(f32(exp32.Min), t)
	VMAXPS(x, t, r)
	VMOVUPS(f32(exp32.Max), t)
	VMINPS(r, t, r)
	VMULPS(f32(exp32.Log2e), r, n)
	VROUNDPS(U8(0), n, n)
	VFNMADD231PS(f32(exp32.Ln2Hi), n, r)
	VFNMADD231PS(f32(exp32.Ln2Lo), n, r)
	VMOVUPS(f32(exp32.P0), p)
	for _, c := range exp32.Coefficients {
		VFMADD213PS(f32(c), r, p)
	}
	VMULPS(r, r, t)
	VFMADD213PS(r, t, p)
	VADDPS(f32(1), p, p)
	// 2**n in two factors, both normal even where the product is not.
	VCVTPS2DQ(n, n)
	VPSRAD(U8(1), n, t)
	VPSUBD(t, n, n)
	for _, k := range []VecVirtual{t, n} {
		VPADDD(bits(127), k, k)
		VPSLLD(U8(23), k, k)
		VMULPS(k, p, p)
	}
	return p
}

// sigmoid emits 1 / (1 + e**-x).
func sigmoid(x VecVirtual) VecVirtual {
	e, one := onePlusExpMinus(x), YMM()
	VMOVUPS(f32(1), one)
	VDIVPS(e, one, e)
	return e
}

func onePlusExpMinus(x VecVirtual) VecVirtual {
	minus := YMM()
	VXORPS(bits(1<<31), x, minus)
	e := expOf(minus)
	VADDPS(f32(1), e, e)
	return e
}

func exponential() {
	begin("expAVX2", "func(y, x []float32)", "is expGeneric.")
	ptrs, n := slices("y", "x"), length("y")
	loop(n, ptrs, 1, func(a access) { a.Store(expOf(a.Load(1)), 0) })
	end()

	for _, store := range []bool{true, false} {
		name, doc := "sumExpAVX2", "is sumExpGeneric, in 8 sums."
		if store {
			name, doc = "expSumAVX2", "is expSumGeneric, in 8 sums."
		}
		begin(name, "func(x []float32, shift float32) float32", doc)
		shift, ptrs, n := broadcast("shift"), slices("x"), length("x")
		acc := accumulators(1)
		loop(n, ptrs, 1, func(a access) {
			x := a.Load(0)
			VSUBPS(shift, x, x)
			e := expOf(x)
			if store {
				a.Store(e, 0)
			}
			if a.mask != nil {
				VANDPS(a.mask, e, e)
			}
			VADDPS(e, acc[0], acc[0])
		})
		returnFloat(fold(acc, addPS))
	}

	begin("addSoftmaxAVX2", "func(y, x []float32, lse, a float32)", "is addSoftmaxGeneric.")
	lse, c := broadcast("lse"), broadcast("a")
	ptrs, n = slices("y", "x"), length("y")
	loop(n, ptrs, 1, func(a access) {
		x := a.Load(1)
		VSUBPS(lse, x, x)
		y := a.Load(0)
		VFMADD231PS(expOf(x), c, y)
		a.Store(y, 0)
	})
	end()
}

func swiGLU() {
	begin("swiGLUAVX2", "func(y, gate, up []float32)", "is swiGLUGeneric.")
	ptrs, n := slices("y", "gate", "up"), length("y")
	loop(n, ptrs, 1, func(a access) { swiglu.Forward(a, onePlusExpMinus) })
	end()

	begin("swiGLUGradAVX2", "func(dgate, dup, dy, gate, up []float32)", "is swiGLUGradGeneric.")
	ptrs, n = slices("dgate", "dup", "dy", "gate", "up"), length("dgate")
	loop(n, ptrs, 1, func(a access) { swiglu.Backward(a, func() VecVirtual { return YMM() }, sigmoid) })
	end()
}
