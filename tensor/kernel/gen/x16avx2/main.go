// Command x16avx2 writes the AVX2 kernels of the packed layouts: products of int8
// activations with interleaved rows, and decoded panels.
package main

import (
	. "github.com/mmcloughlin/avo/build"

	"limbeck/tensor/kernel/gen/k16"
	"limbeck/tensor/kernel/gen/x16"
)

func main() {
	ConstraintExpr("!purego")
	quantizeRow()
	quantizeWide()
	for _, f := range x16.Formats {
		for _, n := range []int{1, 2, 3, 4} {
			matMul(f, n)
		}
		if f.Slow() {
			matMulMany(f)
		}
		panel(f)
	}
	for _, f := range k16.Formats {
		for _, n := range []int{1, 2, 3, 4} {
			matMulWide(f, n)
		}
		if f.High.Count > 0 || f.Sub == 16 {
			matMulWideMany(f)
		}
		panelWide(f)
	}
	Generate()
}
