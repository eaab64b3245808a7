// Package places gives the addresses of rows that lie evenly spaced in memory.
package places

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Places are N addresses, evenly spaced: every third has a register of its own.
type Places struct {
	N      int
	bases  []GPVirtual
	stride GPVirtual
}

// From returns n places: the first, and those that follow it stride bytes apart.
func From(first, stride GPVirtual, n int) Places {
	p := Places{n, []GPVirtual{first}, stride}
	for i := 3; i < n; i += 3 {
		next := GP64()
		LEAQ(Mem{Base: p.stride, Index: p.stride, Scale: 2}, next)
		ADDQ(p.bases[len(p.bases)-1], next)
		p.bases = append(p.bases, next)
	}
	return p
}

// At returns the i-th place, disp bytes on.
func (p Places) At(i, disp int) Mem {
	m := Mem{Base: p.bases[i/3], Disp: disp}
	if i%3 > 0 {
		m.Index, m.Scale = p.stride, uint8(i%3)
	}
	return m
}

// Advance moves all places on: by so many bytes, or by those in a register.
func (p Places) Advance(by Op) {
	for _, b := range p.bases {
		ADDQ(by, b)
	}
}
