// Package unroll writes the loop that the products of several programs share.
package unroll

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// depth is how many elements a turn of the loop takes.
const depth = 4

// Loop emits step for n elements, which it counts down: depth of them in a turn,
// at 0 to depth−1 from where pointers stand, then one by one. advance moves the
// pointers on. A routine has room for one such loop: its labels are fixed.
func Loop(n GPVirtual, step func(u int), advance func(by int)) {
	Label("deep")
	CMPQ(n, Imm(depth))
	JLT(LabelRef("shallow"))
	for u := range depth {
		step(u)
	}
	advance(depth)
	SUBQ(Imm(depth), n)
	JMP(LabelRef("deep"))
	Label("shallow")
	TESTQ(n, n)
	JE(LabelRef("multiplied"))
	step(0)
	advance(1)
	DECQ(n)
	JMP(LabelRef("shallow"))
	Label("multiplied")
}
