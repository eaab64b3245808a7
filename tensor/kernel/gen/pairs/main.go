// Command pairs writes the products of pairs of bf16 with panels, and with strips of
// them, by the dot products of AVX-512 BF16.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	blockRows  = 6
	panelBytes = 64 // 16 pairs: a row of a panel
	wordBytes  = 4
	maxStrips  = 4
)

func main() {
	ConstraintExpr("!purego")
	tile512(1, 1)
	tile512(2, 1)
	tile512(2, 2)
	for rows := 1; rows <= blockRows; rows++ {
		strips512(rows, 1)
		strips512(rows, maxStrips)
	}
	round512()
	vectors512()
	runs512()
	turned512()
	column512()
	halves512()
	peak512()
	Generate()
}

// The parameters of every tile.
const signature = "func(c *float32, ldc int, a *float32, apart, row, col int, panel *float32, n int, add bool)"

func begin(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
}

func load(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }
