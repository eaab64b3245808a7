package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/exp32"
	"limbeck/tensor/kernel/gen/swiglu"
)

func swiGLU() {
	begin("swiGLUAVX512", "func(y, gate, up []float32)", "is swiGLUGeneric.")
	bases, length := slices("y", "gate", "up")
	e := newExpMinus()
	loop("next", length, bases, func(a access) { swiglu.Forward(a, e.plusOne) })
	end()

	begin("swiGLUGradAVX512", "func(dgate, dup, dy, gate, up []float32)", "is swiGLUGradGeneric.")
	bases, length = slices("dgate", "dup", "dy", "gate", "up")
	e = newExpMinus()
	loop("next", length, bases, func(a access) { swiglu.Backward(a, func() VecVirtual { return ZMM() }, e.sigmoid) })
	end()
}

// An expMinus is an exponential of what may be of any sign.
type expMinus struct {
	*exponential
	most, sign VecVirtual
}

func newExpMinus() *expMinus {
	return &expMinus{newExponential(), all(exp32.Max), all(math.Copysign(0, -1))}
}

// plusOne emits 1 + e**-x. A NaN stays one.
func (e *expMinus) plusOne(x VecVirtual) VecVirtual {
	minus := ZMM()
	VXORPS(e.sign, x, minus)
	VMINPS(minus, e.most, minus)
	y := e.of(minus)
	VADDPS(e.one, y, y)
	return y
}

// sigmoid emits 1 / (1 + e**-x).
func (e *expMinus) sigmoid(x VecVirtual) VecVirtual {
	s := ZMM()
	VDIVPS(e.plusOne(x), e.one, s)
	return s
}
