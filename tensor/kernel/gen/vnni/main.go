// Command vnni writes the AVX-512 kernels of the packed layouts: products of
// int8 activations with interleaved rows, by VNNI's VPDPBUSD.
package main

import (
	. "github.com/mmcloughlin/avo/build"

	"limbeck/tensor/kernel/gen/x16"
)

func main() {
	ConstraintExpr("!purego")
	for _, f := range x16.Formats {
		for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8} {
			matMul(f, n)
		}
	}
	Generate()
}
