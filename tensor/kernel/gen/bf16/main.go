// Command bf16 writes the products of pairs of bf16: with the dot products of
// AVX-512 BF16, and with the FMAs of AVX2.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	blockRows  = 6
	panelBytes = 64            // 16 pairs: a row of a panel
	blockBytes = 4 * blockRows // 6 pairs: a column of a block
)

func main() {
	ConstraintExpr("!purego")
	tile512(1)
	tile512(2)
	tile256()
	peak512()
	Generate()
}

// The parameters of every tile.
const signature = "func(c *float32, ldc int, blocks *float32, apart int, panel *float32, n int, add bool)"

func begin(name, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
}

func load(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }
