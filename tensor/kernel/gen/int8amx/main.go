// Command int8amx writes the products of many int8 activations with packed layouts, by the
// tiles of AMX.
package main

import (
	. "github.com/mmcloughlin/avo/build"

	"limbeck/tensor/kernel/gen/k16"
	"limbeck/tensor/kernel/gen/x16"
)

func main() {
	ConstraintExpr("!purego")
	for _, f := range x16.Formats {
		newNarrow(f).emit()
	}
	for _, f := range k16.Formats {
		newWide(f).emit()
	}
	Generate()
}
