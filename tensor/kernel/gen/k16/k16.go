// Package k16 describes the packed layouts of kernel's k16.go, and the rows of
// activations they are multiplied by, to the programs that write their kernels.
package k16

import "limbeck/tensor/kernel/gen/x16"

// A Format is a packed layout: halves, words of scales, and steps of columns,
// each a number of words. Columns come in chunks of 32, those in quads of 4.
type Format struct {
	Name   string
	Halves int
	Scales int // words of scales and mins
	Sub    int // columns a scale: 16 or 32
	Zero   int

	// Four scales at a time, and four mins, are bytes of a word, made up of parts.
	// Below is what the scales are above their values.
	Scale, Min [][]Part
	Below      int

	Step   int   // columns
	Words  int   // of a step
	Chunks []int // of a step, in the order of memory, which the prefetcher follows
	Low    Bits
	High   Bits // above those of Low, if Count > 0

	Table *[16]int8 // of levels, to which Zero is added
}

// A Part is bits of a word of scales: shifted right, or left if Shift < 0, and
// masked.
type Part struct {
	Word, Shift int
	Mask        uint32
}

// Bits say where in a step's words the bits of quanta lie: for quad q of chunk
// c, Count bits from bit shift of every byte of a word, to become bit Place of
// the quanta.
type Bits struct {
	Count, Place int
	At           func(c, q int) (word, shift int)
}

// Mask returns the bits in their place.
func (b Bits) Mask() uint32 { return (1<<b.Count - 1) << b.Place * 0x01010101 }

// scale6 and min6 are kernel's.
var (
	scale6 = [][]Part{{{0, 0, 0x3f3f3f3f}}, {{2, 0, 0x0f0f0f0f}, {0, 2, 0x30303030}}}
	min6   = [][]Part{{{1, 0, 0x3f3f3f3f}}, {{2, 4, 0x0f0f0f0f}, {1, 2, 0x30303030}}}
)

// Formats lists the packed layouts.
var Formats = []Format{
	{
		Name: "q4_k", Halves: 2, Scales: 3, Sub: 32, Scale: scale6, Min: min6,
		Step: 64, Words: 8, Chunks: []int{0, 1},
		Low: Bits{4, 0, func(c, q int) (int, int) { return q, 4 * c }},
	},
	{
		Name: "q5_k", Halves: 2, Scales: 3, Sub: 32, Scale: scale6, Min: min6,
		Step: 64, Words: 10, Chunks: []int{0, 1},
		Low:  Bits{4, 0, func(c, q int) (int, int) { return 2 + q, 4 * c }},
		High: Bits{1, 4, func(c, q int) (int, int) { return c, q }},
	},
	{
		Name: "q6_k", Halves: 1, Scales: 4, Sub: 16, Zero: 32,
		Scale: [][]Part{{{0, 0, ^uint32(0)}}, {{1, 0, ^uint32(0)}}, {{2, 0, ^uint32(0)}}, {{3, 0, ^uint32(0)}}},
		Step:  128, Words: 24, Chunks: []int{0, 2, 1, 3},
		Low:  Bits{4, 0, func(c, q int) (int, int) { return 8 + 8*(c%2) + q, 4 * (c / 2) }},
		High: Bits{2, 4, func(c, q int) (int, int) { return q, 2 * c }},
	},
	{
		Name: "q2_k", Halves: 2, Scales: 4, Sub: 16,
		Scale: [][]Part{{{0, 0, 0x0f0f0f0f}}, {{1, 0, 0x0f0f0f0f}}, {{2, 0, 0x0f0f0f0f}}, {{3, 0, 0x0f0f0f0f}}},
		Min:   [][]Part{{{0, 4, 0x0f0f0f0f}}, {{1, 4, 0x0f0f0f0f}}, {{2, 4, 0x0f0f0f0f}}, {{3, 4, 0x0f0f0f0f}}},
		Step:  128, Words: 8, Chunks: []int{0, 1, 2, 3},
		Low: Bits{2, 0, func(c, q int) (int, int) { return q, 2 * c }},
	},
	{
		Name: "q3_k", Halves: 1, Scales: 3, Sub: 16, Zero: 4,
		Scale: [][]Part{
			{{0, 0, 0x0f0f0f0f}, {2, -4, 0x30303030}}, {{1, 0, 0x0f0f0f0f}, {2, -2, 0x30303030}},
			{{0, 4, 0x0f0f0f0f}, {2, 0, 0x30303030}}, {{1, 4, 0x0f0f0f0f}, {2, 2, 0x30303030}},
		},
		Below: 32,
		Step:  128, Words: 12, Chunks: []int{0, 1, 2, 3},
		Low:  Bits{2, 0, func(c, q int) (int, int) { return 4 + q, 2 * c }},
		High: Bits{1, 2, func(c, q int) (int, int) { return c, q }},
	},
	{
		Name: "iq4_xs", Halves: 1, Scales: 2, Sub: 32, Zero: 128,
		Scale: [][]Part{{{0, 0, 0x0f0f0f0f}, {1, -4, 0x30303030}}, {{0, 4, 0x0f0f0f0f}, {1, 0, 0x30303030}}},
		Below: 32,
		Step:  64, Words: 8, Chunks: []int{0, 1},
		Low:   Bits{4, 0, func(c, q int) (int, int) { return 4*c + q%4, q / 4 * 4 }},
		Table: &x16.IQ4Levels,
	},
}

// Sizes of what a block has for each half and word.
const (
	HalfBytes = 32
	WordBytes = 64
)

// Columns is the length of a block.
const Columns = 256

// Ahead is how far ahead a kernel of AVX-512 asks for weights: 4 KB, enough where quanta need
// less work, read up to a tenth less a second on a Zen 5.
const Ahead = 6144

// Words of scales begin here.
func (f Format) ScalesAt() int { return f.Halves * HalfBytes }

// Quanta returns where the first step begins.
func (f Format) Quanta() int { return f.ScalesAt() + f.Scales*WordBytes }

// Steps returns how many steps a block has.
func (f Format) Steps() int { return Columns / f.Step }

// Block returns the bytes of 256 columns of 16 rows.
func (f Format) Block() int { return f.Quanta() + f.Steps()*f.Words*WordBytes }

// Pairs returns the number of pairs of scales in a block.
func (f Format) Pairs() int { return Columns / f.Sub / 2 }

// PairsBytes is the size of all pairs of 16 rows, two int16 a row and pair.
func (f Format) PairsBytes() int { return f.Pairs() * WordBytes }

// Offset returns where the word of quad q of chunk c is in a step, and how far
// to shift it right, or left if the number is negative, so that the bits come
// into their place.
func (b Bits) Offset(c, q int) (bytes, shift int) {
	word, from := b.At(c, q)
	return word * WordBytes, from - b.Place
}

// SubOf returns the sub-block, counted from the step's first, of quad q of
// chunk c.
func (f Format) SubOf(c, q int) int { return (32*c + 4*q) / f.Sub }

// Offsets in a Q8Wide, and its size; its parts of 64 columns come first.
const (
	PartBytes  = 80
	PartLess   = 64
	BlockD     = 4 * PartBytes
	BlockSum32 = BlockD + 4
	BlockSum16 = BlockSum32 + 16
	WideBytes  = BlockSum16 + 32
)

// X returns the offset of the activations of chunk c of a step.
func X(c int) int { return c/2*PartBytes + c%2*32 }

// Less returns the offset of what a sum over the 16 columns from quad q of chunk
// c begins with, to make up for a Zero of 32.
func Less(c, q int) int { return c/2*PartBytes + PartLess + c%2*8 + q/4*4 }

// StepBytes is the size of a step's activations.
func (f Format) StepBytes() int { return f.Step / 64 * PartBytes }

// Begins reports whether a Q8Wide's Less makes up for Zero.
func (f Format) Begins() bool { return f.Zero == 32 && f.Sub == 16 }

// Sums returns the offset of a Q8Wide's sums over sub-blocks.
func (f Format) Sums() int {
	if f.Sub == 32 {
		return BlockSum32
	}
	return BlockSum16
}
