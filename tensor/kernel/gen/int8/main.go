// Command int8 writes the AVX2 kernels of the packed layouts: products of int8
// activations with interleaved rows, and decoded panels.
package main

import (
	. "github.com/mmcloughlin/avo/build"
)

// A format is a packed layout as in kernel's x16.go.
type format struct {
	name string
	bits int
	zero int
	mins bool
}

var formats = []format{
	{name: "q4_0", bits: 4, zero: 8},
	{name: "q4_1", bits: 4, mins: true},
	{name: "q5_0", bits: 5, zero: 16},
	{name: "q5_1", bits: 5, mins: true},
	{name: "q8_0", bits: 8},
}

const headBytes = 32 // 16 scales or 16 mins

func (f format) fifths() int {
	if f.mins {
		return 2 * headBytes
	}
	return headBytes
}

func (f format) quanta() int {
	if f.bits == 5 {
		return f.fifths() + 64
	}
	return f.fifths()
}

// block returns the bytes of 32 columns of 16 rows.
func (f format) block() int {
	if f.bits == 8 {
		return f.quanta() + 512
	}
	return f.quanta() + 256
}

func main() {
	ConstraintExpr("!purego")
	quantizeRow()
	for _, f := range formats {
		for _, n := range []int{1, 2, 4} {
			matMul(f, n)
		}
		panel(f)
	}
	Generate()
}
