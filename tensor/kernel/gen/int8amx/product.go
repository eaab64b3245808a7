package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/amx"
	"limbeck/tensor/kernel/gen/constants"
)

// A routine unpacks 256 columns of a group at a time, a chunk, and multiplies all
// activation rows by them, 16 at a time, before it goes on. Tiles make integer sums of 16
// rows, which lie in the frame until vector instructions add them, scaled, to the outputs.
// Before they do, the tiles of the next 16 rows are on their way: both take about as long,
// and the processor does them together.

// signature is that of every routine. Strides are in bytes.
const signature = "func(y *float32, ldy int, x *byte, ldx int, w *byte, blocks, groups, rows int, lanes uint16)"

// Offsets of its parameters.
const (
	atY      = 0
	atLdy    = 8
	atX      = 16
	atW      = 32
	atBlocks = 40
	atGroups = 48
	atRows   = 56
	atLanes  = 64
)

func param(name string, at int) Mem { return NewParamAddr(name, at) }

// Sizes of tiles and vectors.
const (
	tileRows    = 16
	tileBytes   = 1024
	vectorBytes = 64
	quadBytes   = 64
)

// The registers of a routine. All are named, since the allocator does not see into what
// package amx emits.
var (
	frame = RBX // a line of the cache begins there
	w     = RDI // the next block to unpack
	front = R8  // the activations of the next rows to multiply, at this chunk
	back  = R9  // those of the next row whose sums are to scale
	ldx   = R10
	y     = R11 // its outputs
	ldy   = R12
	left  = R13 // rows to multiply
	ready = R15 // rows whose sums are to scale
	width = RSI // of a vector: the stride of what is in the frame
	lanes = K1
)

// What a frame begins with: the tiles' configuration, and what has no register.
const (
	config    = 0
	chunkX    = 64  // the first row's activations, at this chunk
	blocks    = 72  // of the group, that are left
	count     = 80  // of the chunk
	next      = 88  // rows that were multiplied last
	sums      = 96  // of those
	oldSums   = 104 // of those before
	weights   = 112 // see w, which is also used otherwise
	headBytes = 128
)

// A shape is the rows of a tile, and the bytes of each.
type shape struct{ rows, bytes int }

// partRows stands for the rows that are left after all whole tiles.
const partRows = -1

// A product is a family of layouts' part of a routine.
type product interface {
	name() string
	tiles() []shape
	blockBytes() int  // of activations, of one of the blocks that the parameter counts
	chunk() int       // how many of them are a chunk
	frameBytes() int  // that it needs, behind the head
	unpack()          // unpacks count blocks from w on, and moves on
	multiply(at part) // multiplies the rows at front, and stores their sums
	scale()           // adds the sums of ready rows to y and moves on, row by row
}

// A part says of which tiles a product takes its operands: of those of 16 rows or those
// of the rows that are left.
type part bool

const (
	whole part = false
	rest  part = true
)

// A routine is a product's.
type routine struct{ product }

// at addresses what a frame has.
func at(offset int) Mem { return Mem{Base: frame, Disp: offset} }

func (r routine) emit() {
	name := r.name() + "x16AMX"
	TEXT(name, 0, signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies activation rows by groups of 16 rows of %s; all counts > 0.", name, r.name()),
		"Strides are in bytes; of a group's outputs those of lanes are written.")
	r.begin()
	Label("group")
	clearOutputs()
	Load(Param("x"), RAX)
	MOVQ(RAX, at(chunkX))
	Load(Param("blocks"), RAX)
	MOVQ(RAX, at(blocks))
	Label("chunk")
	MOVQ(at(blocks), RAX)
	MOVQ(U32(r.chunk()), RCX)
	CMPQ(RAX, RCX)
	CMOVQGT(RCX, RAX)
	MOVQ(RAX, at(count))
	r.unpack()
	MOVQ(w, at(weights))
	r.rows()
	MOVQ(at(weights), w)
	ADDQ(U32(r.chunk()*r.blockBytes()), at(chunkX))
	MOVQ(at(count), RAX)
	SUBQ(RAX, at(blocks))
	JNE(LabelRef("chunk"))
	ADDQ(Imm(vectorBytes), param("y", atY))
	DECQ(param("groups", atGroups))
	JNE(LabelRef("group"))
	amx.Release()
	VZEROUPPER()
	RET()
}

// begin emits what comes before all groups.
func (r routine) begin() {
	local := AllocLocal(headBytes + r.frameBytes() + vectorBytes)
	LEAQ(local.Offset(vectorBytes-1), frame)
	ANDQ(I32(-vectorBytes), frame)
	shapes := r.tiles()
	VMOVDQU64(configuration(r.product), Z0)
	VMOVDQU64(Z0, at(config))
	MOVQ(param("rows", atRows), RAX)
	ANDQ(Imm(tileRows-1), RAX)
	for t, s := range shapes {
		if s.rows == partRows {
			MOVB(AL, at(config+48+t))
		}
	}
	JNE(LabelRef("some"))
	for t, s := range shapes { // none are left, but no tile may be empty
		if s.rows == partRows {
			MOVB(U8(1), at(config+48+t))
		}
	}
	Label("some")
	amx.Configure(frame)
	KMOVW(param("lanes", atLanes), lanes)
	Load(Param("ldx"), ldx)
	Load(Param("ldy"), ldy)
	Load(Param("w"), w)
	MOVQ(U32(vectorBytes), width)
}

// configuration returns the tiles' configuration in memory, as LDTILECFG wants it in
// palette 1 (Intel SDM, vol. 1, sect. 18.2).
func configuration(p product) Mem {
	var c [64]byte
	c[0] = 1
	for t, s := range p.tiles() {
		c[16+2*t], c[48+t] = byte(s.bytes), byte(s.rows)
	}
	return constants.Vector(fmt.Sprintf("amx%dtiles", len(p.tiles())), len(c), func(i int) Constant { return U8(c[i]) })
}

// clearOutputs sets those of a group to 0.
func clearOutputs() {
	Load(Param("y"), y)
	Load(Param("rows"), RAX)
	none := ZMM()
	VPXORD(none, none, none)
	Label("clear")
	VMOVUPS(none, lanes, Mem{Base: y})
	ADDQ(ldy, y)
	DECQ(RAX)
	JNE(LabelRef("clear"))
}

// rows emits the loop over all activation rows by a chunk.
func (r routine) rows() {
	MOVQ(at(chunkX), front)
	MOVQ(front, back)
	Load(Param("y"), y)
	Load(Param("rows"), left)
	XORQ(ready, ready)
	Label("tile")
	MOVQ(U32(0), at(next))
	TESTQ(left, left)
	JE(LabelRef("multiplied"))
	CMPQ(left, Imm(tileRows))
	JL(LabelRef("part"))
	r.multiply(whole)
	MOVQ(U32(tileRows), at(next))
	SUBQ(Imm(tileRows), left)
	MOVQ(ldx, RAX)
	SHLQ(Imm(4), RAX)
	ADDQ(RAX, front)
	JMP(LabelRef("multiplied"))
	Label("part")
	r.multiply(rest)
	MOVQ(left, at(next))
	XORQ(left, left)
	Label("multiplied")
	TESTQ(ready, ready)
	JE(LabelRef("scaled"))
	r.scale()
	Label("scaled")
	MOVQ(at(sums), RAX)
	MOVQ(at(oldSums), RCX)
	MOVQ(RAX, at(oldSums))
	MOVQ(RCX, at(sums))
	MOVQ(at(next), ready)
	TESTQ(ready, ready)
	JNE(LabelRef("tile"))
}

// eachRow emits a loop over the ready rows. RAX is where a row's sums lie.
func eachRow(label string, row func()) {
	MOVQ(at(oldSums), RAX)
	Label(label)
	row()
	ADDQ(width, RAX)
	ADDQ(ldx, back)
	ADDQ(ldy, y)
	DECQ(ready)
	JNE(LabelRef(label))
}

// outputs returns a row's.
func outputs() VecVirtual {
	v := ZMM()
	VMOVUPS_Z(Mem{Base: y}, lanes, v)
	return v
}

func storeOutputs(v VecVirtual) { VMOVUPS(v, lanes, Mem{Base: y}) }
