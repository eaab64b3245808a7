package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/unroll"
)

// zmm are the vector registers by number. The kernels name theirs, since the
// allocator does not see into the instruction that Go's assembler lacks.
var zmm = []VecPhysical{
	Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
}

// vdpbf16ps emits acc += the dot products of the pairs of a and b:
// EVEX.512.F3.0F38.W0 52 /r (Intel SDM, VDPBF16PS), which neither Go's assembler
// nor avo knows.
func vdpbf16ps(a, b, acc int) {
	not := func(v, bit int) uint64 { return uint64(^v >> bit & 1) } // EVEX inverts register bits
	p0 := not(acc, 3)<<7 | not(b, 4)<<6 | not(b, 3)<<5 | not(acc, 4)<<4 | 2
	p1 := uint64(^a&15)<<3 | 1<<2 | 2
	p2 := uint64(2)<<5 | not(a, 4)<<3
	modrm := uint64(3<<6 | acc&7<<3 | b&7)
	Comment(fmt.Sprintf("VDPBF16PS Z%d, Z%d, Z%d", b, a, acc))
	Instruction(&ir.Instruction{Opcode: "LONG", Operands: []Op{U32(0x62 | p0<<8 | p1<<16 | p2<<24)}})
	Instruction(&ir.Instruction{Opcode: "WORD", Operands: []Op{U16(0x52 | modrm<<8)}})
}

// tile512 emits the product of that many blocks and a panel. Accumulators are
// registers 0 to 11, the panel's row is in 12, and each row's broadcast pair in
// one of its own.
func tile512(blocks int) {
	rows := blocks * blockRows
	begin(fmt.Sprintf("mulPairs%dAVX512", rows),
		fmt.Sprintf("multiplies %d whole blocks, apart bytes apart, by a panel of 16 columns, over n pairs. ldc is in bytes.", blocks))
	c, ldc, add := load("c"), load("ldc"), Load(Param("add"), GP8())
	bases := []GPVirtual{load("blocks")}
	apart := load("apart")
	if blocks == 2 {
		second := GP64()
		LEAQ(Mem{Base: bases[0], Index: apart, Scale: 1}, second)
		bases = append(bases, second)
	}
	panel, n := load("panel"), load("n")
	row := GP64()
	TESTB(add, add)
	JE(LabelRef("clear"))
	MOVQ(c, row)
	for i := range rows {
		VMOVUPS(Mem{Base: row}, zmm[i])
		ADDQ(ldc, row)
	}
	JMP(LabelRef("deep"))
	Label("clear")
	for i := range rows {
		VPXORD(zmm[i], zmm[i], zmm[i])
	}
	const b = 12
	unroll.Loop(n, func(u int) {
		VMOVUPS(Mem{Base: panel, Disp: u * panelBytes}, zmm[b])
		for i := range rows {
			x := b + 1 + i
			VPBROADCASTD(Mem{Base: bases[i/blockRows], Disp: u*blockBytes + 4*(i%blockRows)}, zmm[x])
			vdpbf16ps(b, x, i)
		}
	}, func(by int) {
		ADDQ(I32(int32(by*panelBytes)), panel)
		for _, p := range bases {
			ADDQ(I32(int32(by*blockBytes)), p)
		}
	})
	MOVQ(c, row)
	for i := range rows {
		VMOVUPS(zmm[i], Mem{Base: row})
		ADDQ(ldc, row)
	}
	VZEROUPPER()
	RET()
}

// peak512 emits a loop of dot products that touch no memory: the limit of the
// machine.
func peak512() {
	TEXT("peakPairsAVX512", NOSPLIT, "func(n int)")
	Pragma("noescape")
	Doc("peakPairsAVX512 does n×12 vectors of 16 dot products of pairs, for benchmarks to compare with.")
	n := load("n")
	for i := range 13 {
		VPXORD(zmm[i], zmm[i], zmm[i])
	}
	Label("next")
	for i := range 12 {
		vdpbf16ps(12, 12, i)
	}
	DECQ(n)
	JG(LabelRef("next"))
	VZEROUPPER()
	RET()
}
