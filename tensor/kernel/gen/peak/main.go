// Command peak writes loops of arithmetic that touch no memory: the limits that
// kernels are compared with. That of bf16, whose instruction avo does not know,
// stands beside its kernels.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	loop("peakFMAAVX2", "does n×12 FMAs of 8 floats.", 12, ymm, func(x, _, a VecVirtual) { VFMADD231PS(x, x, a) })
	loop("peakFMA512", "does n×12 FMAs of 16 floats.", 12, zmm, func(x, _, a VecVirtual) { VFMADD231PS(x, x, a) })
	loop("peakDotAVX2", "does n×8 times 16 sums of two products of int8, added up in 16 bits.", 8, ymm, func(x, p, a VecVirtual) {
		VPMADDUBSW(x, x, p)
		VPADDW(p, a, a)
	})
	loop("peakDotVNNI", "does n×12 VPDPBUSD of 64 bytes.", 12, zmm, func(x, _, a VecVirtual) { VPDPBUSD(x, x, a) })
	Generate()
}

func ymm() VecVirtual { return YMM() }
func zmm() VecVirtual { return ZMM() }

// loop emits n turns of step on so many accumulators that no step waits for
// another. x is what is multiplied, p a place for a product.
func loop(name, doc string, accumulators int, register func() VecVirtual, step func(x, p, a VecVirtual)) {
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(name + " " + doc)
	n := Load(Param("n"), GP64()).(GPVirtual)
	clear := func() VecVirtual {
		v := register()
		if v.Size() == 64 {
			VPXORD(v, v, v)
		} else {
			VPXOR(v, v, v)
		}
		return v
	}
	x, p := clear(), register()
	acc := make([]VecVirtual, accumulators)
	for i := range acc {
		acc[i] = clear()
	}
	Label("next")
	for _, a := range acc {
		step(x, p, a)
	}
	DECQ(n)
	JG(LabelRef("next"))
	VZEROUPPER()
	RET()
}
