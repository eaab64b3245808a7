// Command blocks writes the AVX2 encoders and decoders of the formats that models are
// stored in most: blocks of 32 elements with one scale, to the bit as package dtype
// encodes and decodes them.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
)

func main() {
	ConstraintExpr("!purego")
	encodeQ8()
	encodeQ4()
	decodeQ8()
	decodeQ4()
	Generate()
}

// Sizes of a block. [bytes]
const (
	floats = 128
	q8Size = 34
	q4Size = 18
)

// routine writes one that does a block after the other: block reads it at src, where it
// has so many bytes, and writes as many as it has there at dst.
func routine(name, does, signature string, read, written int, block func(dst, src Register)) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + does + " blocks of 32 elements; blocks > 0.")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	blocks := Load(Param("blocks"), GP64())
	Label("block")
	block(dst, src)
	ADDQ(Imm(uint64(read)), src)
	ADDQ(Imm(uint64(written)), dst)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

// words returns a vector in memory.
func words(name string, all ...uint32) Mem {
	return constants.Vector("blocks"+name, len(all), func(i int) Constant { return U32(all[i]) })
}

// bits returns a vector in memory whose lanes all have these bits.
func bits(w uint32) Mem { return constants.Words(fmt.Sprintf("blocks%x", w), 8, w) }
