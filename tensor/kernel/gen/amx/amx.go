// Package amx emits the instructions of AMX, which neither Go's assembler nor avo knows.
// Addresses are in registers that the program names, since avo's allocator does not see
// into what is emitted here.
package amx

import (
	"encoding/binary"
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A Tile is a register of up to Rows rows of RowBytes, one of eight.
type Tile int

// Sizes of a whole tile.
const (
	Rows     = 16
	RowBytes = 64
	Bytes    = Rows * RowBytes
)

// Prefixes of VEX.
const (
	prefixNone = iota
	prefix66
	prefixF3
	prefixF2
)

// Opcodes of the map 0F38 (Intel SDM, vol. 2).
const (
	opConfig = 0x49 // LDTILECFG, TILERELEASE and TILEZERO
	opMove   = 0x4b // TILELOADD and TILESTORED
	opPairs  = 0x5c // TDPBF16PS
	opBytes  = 0x5e // TDPBSSD and TDPBSUD
)

// Configure emits LDTILECFG: rows and row bytes of all tiles are those at a place in
// memory. It clears them.
func Configure(at GPPhysical) {
	emit("AMXTILE", fmt.Sprintf("LDTILECFG (%s)", at.Asm()), prefixNone, opConfig, 0, index(at), 0, 0, memory(0, at)...)
}

// Release emits TILERELEASE, by which the processor forgets the tiles.
func Release() { emit("AMXTILE", "TILERELEASE", prefixNone, opConfig, 0, 0, 0, 0, registers(0, 0)) }

// Zero clears t.
func Zero(t Tile) {
	emit("AMXTILE", fmt.Sprintf("TILEZERO TMM%d", t), prefixF2, opConfig, 0, 0, 0, 0, registers(t, 0))
}

// Load emits TILELOADD: the rows of t are those at base, disp bytes on, which are stride
// bytes apart.
func Load(base, stride GPPhysical, disp int, t Tile) {
	emit("AMXTILE", fmt.Sprintf("TILELOADD %d(%s)(%s*1), TMM%d", disp, base.Asm(), stride.Asm(), t),
		prefixF2, opMove, 0, index(base), index(stride), 0, rows(t, base, stride, disp)...)
}

// Store emits TILESTORED, the reverse of Load.
func Store(t Tile, base, stride GPPhysical, disp int) {
	emit("AMXTILE", fmt.Sprintf("TILESTORED TMM%d, %d(%s)(%s*1)", t, disp, base.Asm(), stride.Asm()),
		prefixF3, opMove, 0, index(base), index(stride), 0, rows(t, base, stride, disp)...)
}

// DotPairs emits TDPBF16PS: to f32 in row i and column j of acc come the dot products of
// the pairs of bf16 in row i of a with those in column j of b.
func DotPairs(a, b, acc Tile) {
	emit("AMXBF16", fmt.Sprintf("TDPBF16PS TMM%d, TMM%d, TMM%d", b, a, acc), prefixF3, opPairs, 0, 0, 0, int(b), registers(acc, a))
}

// DotBytes emits TDPBSSD: DotPairs of fours of int8, with sums in int32.
func DotBytes(a, b, acc Tile) {
	emit("AMXINT8", fmt.Sprintf("TDPBSSD TMM%d, TMM%d, TMM%d", b, a, acc), prefixF2, opBytes, 0, 0, 0, int(b), registers(acc, a))
}

// DotUnsigned emits TDPBSUD: DotBytes, but what b has is unsigned.
func DotUnsigned(a, b, acc Tile) {
	emit("AMXINT8", fmt.Sprintf("TDPBSUD TMM%d, TMM%d, TMM%d", b, a, acc), prefixF3, opBytes, 0, 0, 0, int(b), registers(acc, a))
}

// PrefetchToWrite emits PREFETCHW: the line at base, disp bytes on, is asked for as one
// that will be written.
func PrefetchToWrite(base GPPhysical, disp int8) {
	emitBytes(nil, fmt.Sprintf("PREFETCHW %d(%s)", disp, base.Asm()),
		byte(0x40|index(base)>>3), 0x0f, 0x0d, byte(1<<6|1<<3|index(base)&7), byte(disp))
}

// registers is the ModRM byte of two registers.
func registers(reg, rm Tile) byte { return byte(3<<6 | int(reg)<<3 | int(rm)) }

// memory addresses what is at a base.
func memory(reg Tile, base GPPhysical) []byte {
	const disp8 = 1 << 6 // which every base has
	return []byte{byte(disp8 | int(reg)<<3 | index(base)&7), 0}
}

// rows addresses the rows of a tile.
func rows(t Tile, base, stride GPPhysical, disp int) []byte {
	const disp32, sib = 2 << 6, 4
	d := uint32(int32(disp))
	return []byte{byte(disp32 | int(t)<<3 | sib), byte(index(stride)&7<<3 | index(base)&7),
		byte(d), byte(d >> 8), byte(d >> 16), byte(d >> 24)}
}

// index is a register's number in an instruction's bits.
func index(r GPPhysical) int { return int(r.PhysicalIndex()) }

// emit emits an instruction of an extension, in the map 0F38, with a VEX prefix of three
// bytes: r, b and x are the registers that ModRM and SIB name, v one more.
func emit(isa, text string, prefix, opcode, r, b, x, v int, operands ...byte) {
	not := func(n, bit int) int { return ^n >> bit & 1 } // VEX inverts register bits
	emitBytes([]string{isa}, text, append([]byte{0xc4, byte(not(r, 3)<<7 | not(x, 3)<<6 | not(b, 3)<<5 | 2),
		byte(^v&15<<3 | prefix), byte(opcode)}, operands...)...)
}

// emitBytes emits an instruction's bytes, fours first; isa are the extensions that have it.
func emitBytes(isa []string, text string, all ...byte) {
	build.Comment(text)
	put := func(opcode string, v Op) {
		build.Instruction(&ir.Instruction{Opcode: opcode, ISA: isa, Operands: []Op{v}})
	}
	for ; len(all) >= 4; all = all[4:] {
		put("LONG", U32(binary.LittleEndian.Uint32(all)))
	}
	for _, b := range all {
		put("BYTE", U8(b))
	}
}
