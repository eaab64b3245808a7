package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

// sums is the number of vectors that a reduction adds to in turn.
const sums = 4

func vector() {
	reduction("dotAVX2", "func(x, y []float32) float32", "is dotGeneric, in 32 sums.", []string{"x", "y"},
		func(a access, s VecVirtual) {
			x := a.Load(0)
			VFMADD231PS(a.Load(1), x, s)
		})
	reduction("sumAVX2", "func(x []float32) float32", "is sumGeneric, in 32 sums.", []string{"x"},
		func(a access, s VecVirtual) { VADDPS(a.Load(0), s, s) })
	reduction("sumSqAVX2", "func(x []float32) float32", "is sumSqGeneric, in 32 sums.", []string{"x"},
		func(a access, s VecVirtual) {
			x := a.Load(0)
			VFMADD231PS(x, x, s)
		})
	reduction("dot3AVX2", "func(x, y, z []float32) float32", "is dot3Generic, in 32 sums.", []string{"x", "y", "z"},
		func(a access, s VecVirtual) {
			x := a.Load(0)
			VMULPS(a.Load(1), x, x)
			VFMADD231PS(a.Load(2), x, s)
		})
	maximum()

	elementwise("axpyAVX2", "func(a float32, x, y []float32)", "is axpyGeneric.", []string{"y", "x"}, []string{"a"},
		func(a access, c []VecVirtual) {
			y, x := a.Load(0), a.Load(1)
			VFMADD231PS(x, c[0], y)
			a.Store(y, 0)
		})
	elementwise("blendAVX2", "func(y, x []float32, a, b float32)", "is blendGeneric.", []string{"y", "x"}, []string{"a", "b"},
		func(a access, c []VecVirtual) {
			y := a.Load(0)
			VMULPS(c[0], y, y)
			VFMADD231PS(a.Load(1), c[1], y)
			a.Store(y, 0)
		})
	elementwise("scaleAVX2", "func(y, x []float32, a float32)", "is scaleGeneric.", []string{"y", "x"}, []string{"a"},
		func(a access, c []VecVirtual) {
			x := a.Load(1)
			VMULPS(c[0], x, x)
			a.Store(x, 0)
		})
	elementwise("addAVX2", "func(y, x []float32)", "is addGeneric.", []string{"y", "x"}, nil,
		func(a access, _ []VecVirtual) {
			y := a.Load(0)
			VADDPS(a.Load(1), y, y)
			a.Store(y, 0)
		})
}

// reduction emits a routine that folds slices into one sum.
func reduction(name, signature, doc string, args []string, body func(a access, s VecVirtual)) {
	begin(name, signature, doc)
	ptrs, n := slices(args...), length(args[0])
	acc := accumulators(sums)
	loop(n, ptrs, sums, func(a access) { body(a, acc[a.unroll]) })
	returnFloat(fold(acc, addPS))
}

// elementwise emits a routine whose elements do not meet. floats are
// parameters, which the body gets in all lanes.
func elementwise(name, signature, doc string, args, floats []string, body func(a access, c []VecVirtual)) {
	begin(name, signature, doc)
	var c []VecVirtual
	for _, f := range floats {
		c = append(c, broadcast(f))
	}
	ptrs, n := slices(args...), length(args[0])
	loop(n, ptrs, 4, func(a access) { body(a, c) })
	end()
}

func maximum() {
	begin("maximumAVX2", "func(x []float32) float32", "is maximumGeneric.")
	ptrs, n := slices("x"), length("x")
	least := bits(math.Float32bits(float32(math.Inf(-1))))
	acc := make([]VecVirtual, sums)
	for i := range acc {
		acc[i] = YMM()
		VMOVUPS(least, acc[i])
	}
	loop(n, ptrs, sums, func(a access) {
		x := a.Load(0)
		if a.mask != nil {
			low := YMM()
			VMOVUPS(least, low)
			VBLENDVPS(a.mask, x, low, x)
		}
		VMAXPS(x, acc[a.unroll], acc[a.unroll])
	})
	returnFloat(fold(acc, maxPS))
}
