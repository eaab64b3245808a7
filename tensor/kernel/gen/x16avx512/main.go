// Command x16avx512 writes the AVX-512 kernels of the packed layouts: products of
// int8 activations with interleaved rows, by VNNI's VPDPBUSD.
package main

import (
	. "github.com/mmcloughlin/avo/build"

	"limbeck/tensor/kernel/gen/k16"
	"limbeck/tensor/kernel/gen/x16"
)

func main() {
	ConstraintExpr("!purego")
	for _, f := range x16.Formats {
		for n := 1; n <= 8; n++ {
			matMul(f, n, 1)
		}
		for _, n := range []int{4, 5} {
			matMul(f, n, 2)
		}
	}
	for _, f := range k16.Formats {
		for n := 1; n <= 8; n++ {
			matMulWide(f, n)
		}
	}
	Generate()
}
