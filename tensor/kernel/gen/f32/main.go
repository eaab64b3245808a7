// Command f32 writes the AVX2 routines on f32 slices.
//
// Each routine is the vector form of the generic one of the same name in
// package kernel; it takes slices of equal length, checked by the caller.
package main

import (
	. "github.com/mmcloughlin/avo/build"
)

func main() {
	ConstraintExpr("!purego")
	gemm()
	pack()
	vector()
	exponential()
	norm()
	swiGLU()
	rope()
	adamW()
	convert()
	pairRows()
	Generate()
}
