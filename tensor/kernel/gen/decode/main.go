// Command decode writes the AVX2 decoders of the formats that command encode has
// encoders of, to the bit as package dtype decodes them.
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
	decoder("decodeQ8_0AVX2", 34, q8)
	decoder("decodeQ4_0AVX2", 18, q4)
	Generate()
}

// decoder writes a routine that decodes blocks, each of so many bytes: an f16 scale,
// then what levels loads as integers, 8 elements a vector.
func decoder(name string, size int, levels func(q Mem) [4]VecVirtual) {
	TEXT(name, NOSPLIT, "func(dst *float32, src *byte, blocks int)")
	Pragma("noescape")
	Doc(name + " decodes blocks of 32 elements; blocks > 0.")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	blocks := Load(Param("blocks"), GP64())
	Label("block")
	d := YMM()
	VPBROADCASTW(Mem{Base: src}, d.AsX())
	VCVTPH2PS(d.AsX(), d)
	for i, v := range levels(Mem{Base: src, Disp: 2}) {
		VCVTDQ2PS(v, v)
		VMULPS(d, v, v)
		VMOVUPS(v, Mem{Base: dst, Disp: 32 * i})
	}
	ADDQ(Imm(uint64(size)), src)
	ADDQ(Imm(128), dst)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}

func q8(q Mem) (v [4]VecVirtual) {
	for i := range v {
		v[i] = YMM()
		VPMOVSXBD(q.Offset(8*i), v[i])
	}
	return v
}

func q4(q Mem) (v [4]VecVirtual) {
	for i := range 2 { // the second half of the block is in the high nibbles
		low, high := YMM(), YMM()
		VPMOVZXBD(q.Offset(8*i), low)
		VPSRLD(Imm(4), low, high)
		VPAND(all(15), low, low)
		v[i], v[i+2] = low, high
	}
	for _, t := range v {
		VPSUBD(all(8), t, t)
	}
	return v
}

// all returns a vector in memory whose lanes are all w.
func all(w uint32) Mem { return constants.Words(fmt.Sprintf("decode%d", w), 8, w) }
