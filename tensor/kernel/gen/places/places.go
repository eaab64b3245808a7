// Package places gives the addresses of rows that lie evenly spaced in memory.
package places

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Places are N addresses, evenly spaced: every third, or every fourth, has a
// register of its own.
type Places struct {
	N      int
	every  int
	bases  []Register
	stride Register
	thrice Register // the stride, where there is a fourth
}

// From returns n places: the first, and those that follow it stride bytes apart.
func From(first, stride Register, n int) Places {
	p := Places{N: n, every: 3, bases: []Register{first}, stride: stride}
	for i := 3; i < n; i += 3 {
		next := GP64()
		LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, next)
		ADDQ(p.bases[len(p.bases)-1], next)
		p.bases = append(p.bases, next)
	}
	return p
}

// Two are n places each: those that follow first, and what lies ahead bytes behind them.
// They share the stride.
func Two(first, stride, ahead Register, n int) (p, next Places) {
	ADDQ(first, ahead)
	return From(first, stride, n), From(ahead, stride, n)
}

// Fours is From with every fourth place in a register, and one more for the stride
// times three: many places take fewer in all.
func Fours(first, stride Register, n int) Places {
	p := Places{N: n, every: 4, bases: []Register{first}, stride: stride}
	if n > 3 {
		p.thrice = GP64()
		LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, p.thrice)
	}
	for i := 4; i < n; i += 4 {
		next := GP64()
		LEAQ(Mem{Base: p.bases[len(p.bases)-1], Index: stride, Scale: 4}, next)
		p.bases = append(p.bases, next)
	}
	return p
}

// At returns the i-th place, disp bytes on.
func (p Places) At(i, disp int) Mem {
	m := Mem{Base: p.bases[i/p.every], Disp: disp}
	switch i % p.every {
	case 1, 2:
		m.Index, m.Scale = p.stride, uint8(i%p.every)
	case 3:
		m.Index, m.Scale = p.thrice, 1
	}
	return m
}

// Advance moves all places on: by so many bytes, or by those in a register.
func (p Places) Advance(by Op) {
	for _, b := range p.bases {
		ADDQ(by, b)
	}
}

// Rewind moves all places back.
func (p Places) Rewind(by Op) {
	for _, b := range p.bases {
		SUBQ(by, b)
	}
}
