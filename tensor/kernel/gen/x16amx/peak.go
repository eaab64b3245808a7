package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/amx"
)

// peakTiles are the sums of a peak's loop, none of which waits for another.
const peakTiles = 6

// peak emits n turns of products of tiles, which touch no memory: the limit of a core.
func peak(name, doc string, dot func(a, b, acc amx.Tile)) {
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(name + " " + doc)
	config := AllocLocal(vectorBytes)
	shapes := make([]shape, 8)
	for i := range shapes {
		shapes[i] = shape{tileRows, vectorBytes}
	}
	VMOVDQU64(configuration("peak", shapes), Z0)
	VMOVDQU64(Z0, config)
	LEAQ(config, RAX)
	amx.Configure(RAX)
	Load(Param("n"), RCX)
	Label("next")
	for t := range amx.Tile(peakTiles) {
		dot(6, 7, t)
	}
	DECQ(RCX)
	JG(LabelRef("next"))
	amx.Release()
	VZEROUPPER()
	RET()
}
