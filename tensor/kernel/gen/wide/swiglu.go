package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

// expMost is expMax of kernel's exp32.
const expMost = 89

func swiGLU() {
	begin("swiGLUAVX512", "func(y, gate, up []float32)", "is swiGLUGeneric.")
	bases, length := slices("y", "gate", "up")
	e := newExpMinus()
	loop("next", length, bases, func(a access) {
		g := a.load(1)
		VDIVPS(e.plusOne(g), g, g)
		VMULPS(a.load(2), g, g)
		a.store(g, 0)
	})
	end()

	begin("swiGLUGradAVX512", "func(dgate, dup, dy, gate, up []float32)", "is swiGLUGradGeneric.")
	bases, length = slices("dgate", "dup", "dy", "gate", "up")
	e = newExpMinus()
	loop("next", length, bases, func(a access) {
		g, dy := a.load(3), a.load(2)
		s, silu, t := ZMM(), ZMM(), ZMM()
		VDIVPS(e.plusOne(g), e.one, s)
		VMULPS(s, g, silu)
		dup := a.load(1)
		VFMADD231PS(silu, dy, dup)
		a.store(dup, 1)
		VMULPS(a.load(4), dy, dy)
		// s·(1 + g·(1-s)) = s + silu - silu·s
		VADDPS(s, silu, t)
		VFNMADD231PS(silu, s, t)
		dgate := a.load(0)
		VFMADD231PS(t, dy, dgate)
		a.store(dgate, 0)
	})
	end()
}

// An expMinus is an exponential of what may be of any sign.
type expMinus struct {
	*exponential
	most, sign VecVirtual
}

func newExpMinus() *expMinus {
	return &expMinus{newExponential(), all(expMost), all(math.Copysign(0, -1))}
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
