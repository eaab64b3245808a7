package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// peak writes the limit for every kernel here.
func peak() {
	TEXT("peakDotVNNI", NOSPLIT, "func(n int)")
	Doc("peakDotVNNI does n×12 VPDPBUSD, for benchmarks to compare with.")
	n := Load(Param("n"), GP64())
	x := ZMM()
	zero(x)
	acc := make([]VecVirtual, 12)
	for i := range acc {
		acc[i] = ZMM()
		zero(acc[i])
	}
	Label("next")
	for _, a := range acc {
		VPDPBUSD(x, x, a)
	}
	DECQ(n)
	JG(LabelRef("next"))
	VZEROUPPER()
	RET()
}
