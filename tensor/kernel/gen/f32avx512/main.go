// Command f32avx512 writes routines on f32 with vectors of 16: those that gain by it
// over what command f32 writes.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	lanes = 16        // floats in a vector
	bytes = 4 * lanes // of a vector
)

func main() {
	ConstraintExpr("!purego")
	for _, blocks := range []int{1, 2} {
		tile(blocks)
	}
	tileTwice()
	expMaxRows()
	sumExp()
	addSoftmax()
	ropeScaled()
	swiGLU()
	Generate()
}

func begin(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
}

func end() {
	VZEROUPPER()
	RET()
}

func load(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// broadcast returns all lanes set to the float32 parameter.
func broadcast(name string) VecVirtual {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := ZMM()
	VBROADCASTSS(p.Addr, v)
	return v
}

func zero() VecVirtual {
	v := ZMM()
	VPXORD(v, v, v)
	return v
}

func zeros(n int) []VecVirtual {
	all := make([]VecVirtual, n)
	for i := range all {
		all[i] = zero()
	}
	return all
}

// laneMask returns a mask of the first n lanes, n ≤ 16.
func laneMask(n GPVirtual) OpmaskVirtual {
	bits, mask := GP64(), K()
	MOVQ(I32(-1), bits)
	BZHIQ(n, bits, bits)
	KMOVW(bits.As32(), mask)
	return mask
}
