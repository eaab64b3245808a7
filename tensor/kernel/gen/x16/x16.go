// Package x16 describes the packed layouts of kernel's x16.go, and the rows of
// activations they are multiplied by, to the programs that write their kernels.
package x16

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
	"limbeck/tensor/kernel/gen/places"
)

// A Format is a packed layout.
type Format struct {
	Name      string
	Bits      int
	Zero      int
	Mins      bool
	Exponents bool
	Table     *[16]int8 // of levels, to which Zero is added
}

// Formats lists the packed layouts.
var Formats = []Format{
	{Name: "q4_0", Bits: 4, Zero: 8},
	{Name: "q4_1", Bits: 4, Mins: true},
	{Name: "q5_0", Bits: 5, Zero: 16},
	{Name: "q5_1", Bits: 5, Mins: true},
	{Name: "q8_0", Bits: 8},
	{Name: "iq4_nl", Bits: 4, Zero: 128, Table: &IQ4Levels},
	{Name: "mxfp4", Bits: 4, Zero: 16, Exponents: true, Table: &MXFP4Levels},
}

// Levels, as kernel has them.
var (
	IQ4Levels   = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}
	MXFP4Levels = [16]int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}
)

// Signed reports whether quanta span an int8, so that they are best multiplied
// as such where there is no sum of many products of bytes.
func (f Format) Signed() bool { return f.Bits == 8 || f.Zero == 128 }

// Slow reports whether quanta take more to unpack than a shift and a mask.
func (f Format) Slow() bool { return f.Bits == 5 || f.Table != nil }

// HeadBytes is the size of 16 scales or 16 mins.
const HeadBytes = 32

// Fifths returns the offset of the fifth bits.
func (f Format) Fifths() int {
	switch {
	case f.Mins:
		return 2 * HeadBytes
	case f.Exponents:
		return HeadBytes / 2
	}
	return HeadBytes
}

// Quanta returns the offset of the nibbles or int8s.
func (f Format) Quanta() int {
	if f.Bits == 5 {
		return f.Fifths() + 64
	}
	return f.Fifths()
}

// Block returns the bytes of 32 columns of 16 rows.
func (f Format) Block() int {
	if f.Bits == 8 {
		return f.Quanta() + 512
	}
	return f.Quanta() + 256
}

// Offsets in a Q8Block, and its size.
const (
	BlockD    = 0
	BlockSum  = 4
	BlockDSum = 8
	BlockQ    = 12
	Q8Bytes   = 44
)

// How far ahead a kernel asks for weights. In AVX2 those of up to three activation rows
// do, which wait for memory: so a Zen 3 reads up to a fifth more a second. In AVX-512 all
// do: on a Zen 5 one row reads up to three quarters more, and 16 rows are multiplied by
// weights from memory up to twice as fast.
const (
	AheadAVX2     = 1024 // of one row
	AheadSlowAVX2 = 1536 // of one row of a format that is [Format.Slow], or of K-quants
	AheadAVX512   = 4096

	aheadOfRows = 2048 // in AVX2, of more rows than one
	mostOfRows  = 3    // of which AVX2 asks for weights
)

// Fetch asks for what lies so far ahead of so many bytes of weights, from an offset on.
func Fetch(ahead int, w Register, from, bytes int) {
	for line := 0; line < bytes; line += 64 {
		PREFETCHT0(Mem{Base: w, Disp: ahead + from + line})
	}
}

// FetchAVX2 is Fetch in an AVX2 kernel of n activation rows; ahead is for one.
func FetchAVX2(n, ahead int, w Register, from, bytes int) {
	if n > 1 {
		ahead = aheadOfRows
	}
	if n <= mostOfRows {
		Fetch(ahead, w, from, bytes)
	}
}

// Signature is that of a kernel that multiplies rows of activations by row groups.
// Strides are in bytes.
const Signature = "func(y *float32, ldy int, x *byte, ldx int, w *byte, blocks, groups int, lanes uint16)"

// Operands loads the operands of a kernel with n activation rows: where the outputs
// of the first are, the row groups, and the activations.
func Operands(n int) (y, w Register, x places.Places) {
	y = Load(Param("y"), GP64())
	first := Load(Param("x"), GP64())
	ldx := Load(Param("ldx"), GP64())
	w = Load(Param("w"), GP64())
	return y, w, places.Fours(first, ldx, n)
}

// Offsets of its parameters.
const (
	atY      = 0
	atLdy    = 8
	atGroups = 48
	atLanes  = 56
)

// Ldy and Lanes are where these parameters lie.
func Ldy() Mem   { return NewParamAddr("ldy", atLdy) }
func Lanes() Mem { return NewParamAddr("lanes", atLanes) }

// WholeOutputs is for a kernel that writes whole vectors to y: where lanes leave
// some out, of a last group, it makes y and ldy those of n rows in the kernel's own
// frame, before the kernel loads them. It returns what emits, behind the loops, that
// the outputs of lanes are copied to where they belong.
func WholeOutputs(n int) (copyLanes func()) {
	own, y := AllocLocal(n*64+16), NewParamAddr("y", atY)
	given, givenLdy := own.Offset(n*64), own.Offset(n*64+8)
	r := GP64()
	CMPW(Lanes(), I16(-1))
	JEQ(LabelRef("whole"))
	MOVQ(y, r)
	MOVQ(r, given)
	MOVQ(Ldy(), r)
	MOVQ(r, givenLdy)
	LEAQ(own, r)
	MOVQ(r, y)
	MOVQ(I32(64), Ldy())
	Label("whole")
	return func() {
		CMPW(Lanes(), I16(-1))
		JEQ(LabelRef("copied"))
		masks, at := laneMasks(), GP64()
		MOVQ(given, at)
		for i := range n {
			if i > 0 {
				ADDQ(givenLdy, at)
			}
			for h, mask := range masks {
				v := YMM()
				VMOVUPS(own.Offset(64*i+32*h), v)
				VMASKMOVPS(v, mask, Mem{Base: at, Disp: 32 * h})
			}
		}
		Label("copied")
	}
}

// laneMasks returns, for 8 lanes each, words that are all ones where the lane's bit
// is set.
func laneMasks() (masks [2]VecVirtual) {
	all := YMM()
	VPBROADCASTW(Lanes(), all)
	for h := range masks {
		masks[h] = YMM()
		VPAND(laneBit(h), all, masks[h])
		VPCMPEQD(laneBit(h), masks[h], masks[h])
	}
	return masks
}

// laneBit returns, in memory, the bits of the h-th 8 lanes, a word each.
func laneBit(h int) Mem {
	return constants.Vector("x16lanes", 16, func(i int) Constant { return U32(1 << i) }).Offset(32 * h)
}

// OverGroups emits the loops of a kernel with the parameters blocks and groups, which
// takes as many groups at once as w has registers: the first is where they lie. Of
// those taken at once begin, block for every block of w and x, and end, which moves on in
// the outputs. Blocks take so many bytes of w, and of a row of x, in which block moves
// on. The number of groups must be a multiple.
func OverGroups(w []Register, x places.Places, wBytes, xBytes int, begin, block, end func()) {
	Label("group")
	blocks := Load(Param("blocks"), GP64())
	if len(w) > 1 {
		size := GP64()
		IMUL3Q(U32(wBytes), blocks, size)
		for i, next := range w[1:] {
			LEAQ(Mem{Base: w[i], Index: size, Scale: 1}, next)
		}
	}
	begin()
	Label("block")
	block()
	for _, at := range w {
		ADDQ(U32(wBytes), at)
	}
	DECQ(blocks)
	JNZ(LabelRef("block"))
	end()
	if len(w) > 1 { // the last one's end is where those that follow lie
		MOVQ(w[len(w)-1], w[0])
	}
	back := Load(Param("blocks"), GP64()) // to the first block of x
	IMUL3Q(U32(xBytes), back, back)
	x.Rewind(back)
	SUBQ(Imm(uint64(len(w))), NewParamAddr("groups", atGroups))
	JNZ(LabelRef("group"))
}
