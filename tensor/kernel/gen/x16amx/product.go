package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/amx"
	"limbeck/tensor/kernel/gen/constants"
)

// A routine unpacks 256 columns at a time, a chunk, of some groups, and multiplies all
// activation rows by them, 16 at a time, before it goes on. Tiles make integer sums of 16
// rows and a group, which lie in the frame until vector instructions add them, scaled, to
// the outputs. Before they do, the tiles of the next sums are on their way: both take about
// as long, and the processor does them together. Several groups share what it costs to
// bring activations to the first cache, more than it does to multiply them.

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
	tileRows    = amx.Rows
	tileBytes   = amx.Bytes
	vectorBytes = 64
	quadBytes   = 64
)

// The registers of a routine. All are named, since the allocator does not see into what
// package amx emits.
var (
	frame = RBX // a line of the cache begins there
	ldx   = R10
	ldy   = R12
	width = RSI // of a vector: the stride of what is in the frame
	lanes = K1

	// While a chunk is unpacked.
	w        = RDI // the next block
	unpacked = R8  // what becomes of a group's

	// While rows pass by.
	front = R8  // the activations of the next rows to multiply
	back  = R9  // those of the next row whose sums are to scale
	y     = R11 // its outputs
	left  = R13 // rows to multiply
	sum   = R14 // the next row's sums
	ready = R15 // rows whose sums are to scale
)

// What a frame begins with: the tiles' configuration, and what has no register.
const (
	config     = 0
	chunkX     = 64  // the first row's activations, at this chunk
	blocks     = 72  // of the groups, that are left
	count      = 80  // of the chunk
	next       = 88  // rows that were multiplied last
	sums       = 96  // of those
	oldSums    = 104 // of those before
	weights    = 112 // the first group's next chunk
	groupBytes = 120
	together   = 128 // groups
	end        = 136 // of what they are unpacked to
	frontW     = 144 // what of it to multiply next
	backW      = 152 // and what to scale by
	backX      = 160 // see back and y, of the first row
	backY      = 168
	headBytes  = 192
)

// most is how many groups are unpacked together.
const most = 2

// fewRows do not: what they take of the activations stays in the first cache.
const fewRows = 32

// A shape is the rows of a tile, and the bytes of each.
type shape struct{ rows, bytes int }

// partRows stands for the rows that are left after all whole tiles.
const partRows = -1

// A product is a family of layouts' part of a routine.
type product interface {
	name() string
	family() string
	tiles() []shape
	blockBytes() int    // of activations, of one of the blocks that the parameter counts
	weightBytes() int   // of such a block of a group
	chunk() int         // how many of them are a chunk
	unpackedBytes() int // that a group's chunk takes
	sumBytes() int      // that its sums with 16 rows take
	unpack()            // unpacks count blocks from w on

	// The tiles of the rows at front, by frontW: begin names where they are, each step
	// makes a part of their sums, and finish stores what steps did not.
	begin(at part)
	step(at part)
	steps() Op
	wholeSteps() int // of a whole chunk
	finish(at part)

	// scales loads the scales at backW, and returns what adds a row's sums to its outputs.
	scales() (row func())
	// fewScales is scales of a chunk of fewer blocks, if there can be one.
	fewScales() (row func())
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
	r.configure()
	Label("groups")
	r.beginGroups()
	Label("chunk")
	MOVQ(at(blocks), RAX)
	MOVQ(U32(r.chunk()), RCX)
	CMPQ(RAX, RCX)
	CMOVQGT(RCX, RAX)
	MOVQ(RAX, at(count))
	r.unpackGroups()
	r.rows()
	ADDQ(U32(r.chunk()*r.blockBytes()), at(chunkX))
	MOVQ(at(count), RAX)
	SUBQ(RAX, at(blocks))
	JNE(LabelRef("chunk"))
	MOVQ(at(together), RAX)
	LEAQ(Mem{Base: RAX, Disp: -1}, RCX)
	IMULQ(at(groupBytes), RCX)
	ADDQ(RCX, at(weights)) // which are behind the first group's
	SUBQ(RAX, param("groups", atGroups))
	JNE(LabelRef("groups"))
	amx.Release()
	VZEROUPPER()
	RET()
}

// unpackedAt is where in the frame groups are unpacked to, behind two tiles' sums.
func (r routine) unpackedAt() int { return headBytes + 2*r.sumBytes() }

// configure emits what comes before all groups.
func (r routine) configure() {
	local := AllocLocal(r.unpackedAt() + most*r.unpackedBytes() + vectorBytes)
	LEAQ(local.Offset(vectorBytes-1), frame)
	ANDQ(I32(-vectorBytes), frame)
	shapes := r.tiles()
	VMOVDQU64(configuration(r.family(), shapes), Z0)
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
	MOVQ(U32(vectorBytes), width)
	Load(Param("w"), RAX)
	MOVQ(RAX, at(weights))
	Load(Param("blocks"), RAX)
	IMUL3Q(U32(r.weightBytes()), RAX, RAX)
	MOVQ(RAX, at(groupBytes))
	LEAQ(at(headBytes), RAX)
	MOVQ(RAX, at(sums))
	LEAQ(at(headBytes+r.sumBytes()), RAX)
	MOVQ(RAX, at(oldSums))
}

// beginGroups begins with as many groups as are taken together: it clears their outputs.
func (r routine) beginGroups() {
	Load(Param("x"), RAX)
	MOVQ(RAX, at(chunkX))
	Load(Param("blocks"), RAX)
	MOVQ(RAX, at(blocks))
	Load(Param("groups"), RAX)
	MOVQ(U32(most), RCX)
	CMPQ(RAX, RCX)
	CMOVQGT(RCX, RAX)
	MOVQ(U32(1), RCX)
	CMPQ(param("rows", atRows), Imm(fewRows))
	CMOVQLE(RCX, RAX)
	MOVQ(RAX, at(together))
	IMUL3Q(U32(r.unpackedBytes()), RAX, RCX)
	LEAQ(Mem{Base: frame, Index: RCX, Scale: 1, Disp: r.unpackedAt()}, RCX)
	MOVQ(RCX, at(end))
	none := ZMM()
	VPXORD(none, none, none)
	Label("group")
	Load(Param("y"), y)
	Load(Param("rows"), left)
	Label("clear")
	VMOVUPS(none, lanes, Mem{Base: y})
	ADDQ(ldy, y)
	DECQ(left)
	JNE(LabelRef("clear"))
	ADDQ(Imm(vectorBytes), param("y", atY))
	DECQ(RAX)
	JNE(LabelRef("group"))
}

// unpackGroups unpacks the groups' chunks.
func (r routine) unpackGroups() {
	MOVQ(at(weights), left)
	LEAQ(at(r.unpackedAt()), unpacked)
	Label("unpackGroup")
	MOVQ(left, w)
	r.unpack()
	ADDQ(at(groupBytes), left)
	ADDQ(U32(r.unpackedBytes()), unpacked)
	CMPQ(unpacked, at(end))
	JNE(LabelRef("unpackGroup"))
	MOVQ(at(count), RAX)
	IMUL3Q(U32(r.weightBytes()), RAX, RAX)
	ADDQ(RAX, at(weights))
}

// configuration returns that of tiles in memory, under that name, as LDTILECFG wants it in
// palette 1 (Intel SDM, vol. 1, sect. 18.2).
func configuration(name string, tiles []shape) Mem {
	var c [64]byte
	c[0] = 1
	for t, s := range tiles {
		c[16+2*t], c[48+t] = byte(s.bytes), byte(s.rows)
	}
	return constants.Vector("amxtiles"+name, len(c), func(i int) Constant { return U8(c[i]) })
}

// rows emits the loop over all activation rows, and groups, by a chunk.
func (r routine) rows() {
	MOVQ(at(chunkX), front)
	MOVQ(front, back)
	LEAQ(at(r.unpackedAt()), RAX)
	MOVQ(RAX, at(frontW))
	MOVQ(RAX, at(backW))
	MOVQ(at(together), RAX)
	SHLQ(Imm(6), RAX)
	Load(Param("y"), y)
	SUBQ(RAX, y)
	Load(Param("rows"), left)
	XORQ(ready, ready)
	Label("tile")
	MOVQ(back, at(backX))
	MOVQ(y, at(backY))
	MOVQ(U32(0), at(next))
	TESTQ(left, left)
	JE(LabelRef("multiplied"))
	CMPQ(left, Imm(tileRows))
	JL(LabelRef("part"))
	MOVQ(U32(tileRows), at(next))
	CMPQ(ready, Imm(tileRows))
	JNE(LabelRef("whole"))
	CMPQ(at(count), Imm(uint64(r.chunk())))
	JEQ(LabelRef("both"))
	Label("whole")
	r.multiply(whole)
	JMP(LabelRef("advance"))
	Label("part")
	MOVQ(left, at(next))
	r.multiply(rest)
	JMP(LabelRef("advance"))
	Label("both")
	r.both()
	MOVQ(I32(-1), ready) // none, but some were
	Label("advance")
	r.nextGroup(frontW, "multiplied")
	SUBQ(at(next), left)
	MOVQ(ldx, RAX)
	SHLQ(Imm(4), RAX)
	ADDQ(RAX, front)
	Label("multiplied")
	TESTQ(ready, ready)
	JE(LabelRef("scaled"))
	JS(LabelRef("added"))
	r.scale()
	Label("added")
	MOVQ(at(together), RAX) // the next rows' outputs are of the first group
	SHLQ(Imm(6), RAX)
	SUBQ(RAX, y)
	ADDQ(Imm(vectorBytes), y)
	r.nextGroup(backW, "again")
	JMP(LabelRef("scaled"))
	Label("again")
	MOVQ(at(backX), back)
	MOVQ(at(backY), y)
	ADDQ(Imm(vectorBytes), y)
	Label("scaled")
	MOVQ(at(sums), RAX)
	MOVQ(at(oldSums), RCX)
	MOVQ(RAX, at(oldSums))
	MOVQ(RCX, at(sums))
	MOVQ(at(next), ready)
	TESTQ(ready, ready)
	JNE(LabelRef("tile"))
}

// nextGroup moves on in what is unpacked, and jumps unless all groups have passed.
func (r routine) nextGroup(which int, label string) {
	MOVQ(at(which), RAX)
	ADDQ(U32(r.unpackedBytes()), RAX)
	MOVQ(RAX, at(which))
	CMPQ(RAX, at(end))
	JNE(LabelRef(label))
	LEAQ(at(r.unpackedAt()), RAX)
	MOVQ(RAX, at(which))
}

// multiply multiplies the rows at front.
func (r routine) multiply(part part) {
	count := R14
	label := "wholeStep"
	if part == rest {
		label = "partStep"
	}
	r.begin(part)
	MOVQ(r.steps(), count)
	Label(label)
	r.step(part)
	DECQ(count)
	JNE(LabelRef(label))
	r.finish(part)
}

// scale adds the sums of the ready rows.
func (r routine) scale() {
	eachRow := func(label string, row func()) {
		MOVQ(at(oldSums), sum)
		Label(label)
		row()
		nextRow()
		DECQ(ready)
		JNE(LabelRef(label))
	}
	if r.chunk() > 1 {
		CMPQ(at(count), Imm(uint64(r.chunk())))
		JNE(LabelRef("fewer"))
	}
	eachRow("row", r.scales())
	if r.chunk() > 1 {
		JMP(LabelRef("added"))
		Label("fewer")
		eachRow("fewRow", r.fewScales())
	}
}

// both multiplies 16 rows and adds the sums of 16, some of these after each step.
func (r routine) both() {
	steps := r.wholeSteps()
	r.begin(whole)
	row := r.scales()
	MOVQ(at(oldSums), sum)
	Label("bothStep")
	r.step(whole)
	for range tileRows / steps {
		row()
		nextRow()
	}
	SUBQ(Imm(uint64(tileRows/steps)), ready)
	JNE(LabelRef("bothStep"))
	r.finish(whole)
}

func nextRow() {
	ADDQ(width, sum)
	ADDQ(ldx, back)
	ADDQ(ldy, y)
}

// outputs returns a row's.
func outputs() VecVirtual {
	v := ZMM()
	VMOVUPS_Z(Mem{Base: y}, lanes, v)
	return v
}

func storeOutputs(v VecVirtual) { VMOVUPS(v, lanes, Mem{Base: y}) }
