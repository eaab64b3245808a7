// Package constants gives the vectors that programs keep in memory, each emitted
// where it is first asked for.
package constants

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

var made = map[string]Mem{}

// Vector returns n numbers of equal size in memory, under that name.
func Vector(name string, n int, at func(i int) Constant) Mem {
	m, ok := made[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		for i := range n {
			v := at(i)
			DATA(i*v.Bytes(), v)
		}
		made[name] = m
	}
	return m
}

// Words returns n times the same word in memory, under that name.
func Words(name string, n int, word uint32) Mem {
	return Vector(name, n, func(int) Constant { return U32(word) })
}
