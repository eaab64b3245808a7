// Command x16amx writes the products of many int8 activations with packed layouts, by the
// tiles of AMX, and the loops that are the limits of these.
package main

import (
	. "github.com/mmcloughlin/avo/build"

	"limbeck/tensor/kernel/gen/amx"
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
	peak("peakBytesAMX", "does n×6 products of tiles of 16 by 64 bytes.", amx.DotBytes)
	peak("peakPairsAMX", "does n×6 products of tiles of 16 by 32 bf16.", amx.DotPairs)
	Generate()
}
