package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/x16"
)

// A kernel for many activation rows unpacks weights to its own frame, some blocks
// at a time, and multiplies all the rows by them before it goes on: what unpacking
// costs is shared by all, not by the rows of one tile.

// manySignature is that of such a kernel: a multiple of four activation rows by one
// group of 16 rows. Strides are in bytes.
const manySignature = "func(y *float32, ldy int, x *byte, ldx int, w *byte, blocks, rows int)"

// Offsets of its parameters.
const (
	manyY      = 0
	manyX      = 16
	manyBlocks = 40
	manyRows   = 48
)

// A crowd addresses the activation rows that are multiplied at a time, and their
// outputs.
type crowd struct {
	n            int
	x, y         places.Places
	xBase, yBase Register
	xFirst       Register // of the first row, at the blocks that are unpacked
	yFirst       Register
	ldx, ldy     Register
}

// newCrowd begins the kernel of a format, which takes n rows at a time. frame is of so
// many bytes, and begins with a line of the cache: half of the vectors would lie in two
// lines otherwise.
func newCrowd(format string, n, bytes int) (c *crowd, frame Mem) {
	name := format + "x16many"
	TEXT(name, 0, manySignature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies activation rows, a multiple of 4, by a group of 16 rows of %s;", name, format),
		"blocks and rows > 0. Strides are in bytes.")
	frame = Mem{Base: GP64()}
	LEAQ(AllocLocal(bytes+64).Offset(63), frame.Base)
	ANDQ(I32(-64), frame.Base)
	c = &crowd{n: n, xBase: GP64(), yBase: GP64(), xFirst: GP64(), yFirst: GP64()}
	c.ldx, c.ldy = Load(Param("ldx"), GP64()), Load(Param("ldy"), GP64())
	c.x, c.y = places.Fours(c.xBase, c.ldx, n), places.Fours(c.yBase, c.ldy, n)
	return c, frame
}

// each emits a loop over the rows, in which x and y may move on.
func (c *crowd) each(label string, do func()) {
	left := GP64()
	MOVQ(NewParamAddr("x", manyX), c.xFirst)
	MOVQ(NewParamAddr("y", manyY), c.yFirst)
	MOVQ(NewParamAddr("rows", manyRows), left)
	Label(label)
	MOVQ(c.xFirst, c.xBase)
	MOVQ(c.yFirst, c.yBase)
	do()
	LEAQ(Mem{Base: c.xFirst, Index: c.ldx, Scale: uint8(c.n)}, c.xFirst)
	LEAQ(Mem{Base: c.yFirst, Index: c.ldy, Scale: uint8(c.n)}, c.yFirst)
	SUBQ(Imm(uint64(c.n)), left)
	JNZ(LabelRef(label))
}

// fetch asks for what the next rows have of x where these have the next bytes, which
// the processor's own prefetcher does not foresee.
func (c *crowd) fetch(bytes int) {
	next := GP64()
	LEAQ(Mem{Base: c.xBase, Index: c.ldx, Scale: uint8(c.n)}, next)
	for i := range c.n {
		if i > 0 {
			ADDQ(c.ldx, next)
		}
		for line := 0; line < bytes; line += 64 {
			PREFETCHT0(Mem{Base: next, Disp: line})
		}
	}
}

// clear sets the outputs of all rows to 0.
func (c *crowd) clear() {
	none := YMM()
	VPXOR(none, none, none)
	c.each("clear", func() {
		for i := range c.n {
			VMOVDQU(none, c.y.At(i, 0))
			VMOVDQU(none, c.y.At(i, 32))
		}
	})
}

// unpacked is how many blocks of 32 columns are unpacked at a time.
const unpacked = 8

// matMulMany writes such a kernel, whose arithmetic is kernel's matMulGeneric. A
// block is unpacked to its scales and mins as f32, and 8 quads: 16 lanes of 4 bytes.
func matMulMany(f x16.Format) {
	const n = 4
	t := &tile{Format: f, n: n, plain: GP64()}
	rows, frame := newCrowd(f.Name, n, partBytes+unpacked*t.plainBytes())
	t.acc = vectors(n)
	t.x, t.y, t.w, t.part = rows.x, rows.y, Load(Param("w"), GP64()), frame
	t.mask, t.ones = filled("nibbles", 0x0f0f0f0f), filled("ones", 0x00010001)
	count := GP64()
	each := func(label string, do func()) {
		left := GP64()
		LEAQ(frame.Offset(partBytes), t.plain)
		MOVQ(count, left)
		Label(label)
		do()
		ADDQ(U32(t.plainBytes()), t.plain)
		DECQ(left)
		JNZ(LabelRef(label))
	}
	rows.clear()
	Label("some")
	left := NewParamAddr("blocks", manyBlocks)
	MOVQ(left, count)
	most := GP64()
	MOVQ(U32(unpacked), most)
	CMPQ(count, most)
	CMOVQGT(most, count)
	each("unpack", func() {
		t.toPlain()
		ADDQ(U32(f.Block()), t.w)
	})
	rows.each("rows", func() {
		each("block", func() {
			t.block()
			rows.fetch(x16.Q8Bytes)
			t.x.Advance(Imm(x16.Q8Bytes))
		})
	})
	SUBQ(count, left)
	IMUL3Q(U32(x16.Q8Bytes), count, count)
	ADDQ(count, NewParamAddr("x", manyX))
	CMPQ(left, Imm(0))
	JNE(LabelRef("some"))
	VZEROUPPER()
	RET()
}

const (
	partBytes   = 4 * 64 // of a tile's part
	floatsBytes = 64     // of 16 f32
	quadBytes   = 64
)

// plainQuads is where the quads of an unpacked block begin.
func (t *tile) plainQuads() int {
	if t.Mins {
		return 2 * floatsBytes
	}
	return floatsBytes
}

func (t *tile) plainBytes() int { return t.plainQuads() + 8*quadBytes }

// toPlain unpacks a block.
func (t *tile) toPlain() {
	packed := *t
	packed.plain = nil
	floats := [][2]Op{packed.scales()}
	if t.Mins {
		floats = append(floats, packed.halves(x16.HeadBytes))
	}
	for i, v := range floats {
		for h, to := range t.plainFloats(i) {
			VMOVUPS(v[h], to)
		}
	}
	for q := range 8 {
		for h, w := range packed.quad(q) {
			VMOVDQU(w, Mem{Base: t.plain, Disp: t.plainQuads() + quadBytes*q + 32*h})
		}
	}
}

// plainFloats returns the scales or, second, the mins.
func (t *tile) plainFloats(i int) (v [2]Op) {
	for h := range v {
		v[h] = Mem{Base: t.plain, Disp: floatsBytes*i + 32*h}
	}
	return v
}

// plainQuad returns the quad that low or high nibbles made.
func (t *tile) plainQuad(j int, high bool) (w [2]VecVirtual) {
	if high {
		j += 4
	}
	for h := range w {
		w[h] = YMM()
		VMOVDQU(Mem{Base: t.plain, Disp: t.plainQuads() + quadBytes*j + 32*h}, w[h])
	}
	return w
}
