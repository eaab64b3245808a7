// Package swiglu emits one vector of kernel's SwiGLU and of its gradient, of
// whatever width.
package swiglu

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

// Vectors are one vector of each slice of a loop.
type Vectors interface {
	Load(slice int) VecVirtual
	Store(v VecVirtual, slice int)
}

// Forward emits y = gate·σ(gate)·up, of slices y, gate and up. onePlusExpMinus emits
// 1 + e**-x.
func Forward(a Vectors, onePlusExpMinus func(x VecVirtual) VecVirtual) {
	g := a.Load(1)
	VDIVPS(onePlusExpMinus(g), g, g)
	VMULPS(a.Load(2), g, g)
	a.Store(g, 0)
}

// Backward adds to the gradients, of slices dgate, dup, dy, gate and up. sigmoid
// emits σ(x).
func Backward(a Vectors, register func() VecVirtual, sigmoid func(x VecVirtual) VecVirtual) {
	g, dy := a.Load(3), a.Load(2)
	s := sigmoid(g)
	silu, t := register(), register()
	VMULPS(s, g, silu)
	dup := a.Load(1)
	VFMADD231PS(silu, dy, dup)
	a.Store(dup, 1)
	VMULPS(a.Load(4), dy, dy)
	// s·(1 + g·(1-s)) = s + silu - silu·s
	VADDPS(s, silu, t)
	VFNMADD231PS(silu, s, t)
	dgate := a.Load(0)
	VFMADD231PS(t, dy, dgate)
	a.Store(dgate, 0)
}
