package kernel

import "fmt"

// GroupRows is the number of weight rows that a packed layout interleaves.
const GroupRows = 16

// Of [ManyRows] activation rows or more a product takes TogetherGroups groups at once,
// where their range has as many. Of fewer, which wait for weights, one group by more rows
// passes over the weights less often.
const (
	ManyRows       = 64
	TogetherGroups = 2
)

// A Layout is how the rows of a number format lie in memory for the fast
// multiply: groups of [GroupRows] rows, interleaved. The last group is padded
// with zero rows. cols is the row length in elements, a whole number of blocks.
//
// MatMul's order of accumulation for an output element depends on cols alone.
type Layout struct {
	Name  string
	Block int // columns of a block, which whole ones of the format's and of X's fill

	// Bytes returns the packed size of a matrix.
	Bytes func(rows, cols int) int

	// Pack packs row groups lo to hi from src, which holds all rows in file
	// order, to dst, which holds all groups.
	Pack func(dst, src []byte, rows, cols, lo, hi int)

	// PackRow distributes one row, in file order, over lane r of its group. It is
	// nil but for layouts of groups of 16 rows in blocks of 32 columns.
	PackRow func(group, row []byte, r int)

	// DecodeRow writes the exact values of one row.
	DecodeRow func(dst []float32, packed []byte, cols, row int)

	// DecodePanel writes the exact values of a group, column by column:
	// dst[k*GroupRows+r] is element k of row r. len(dst) = cols*GroupRows.
	DecodePanel func(dst []float32, packed []byte, cols, group int)

	// X is what MatMul multiplies.
	X *Activations

	// MatMul multiplies n activation rows by row groups lo to hi:
	// y[i*ldy+r] = Σ_k x[i][k]·w[r][k] for every row r < rows of these groups.
	// x holds n rows of X.Words(cols).
	MatMul func(y []float32, ldy int, x []float32, n int, packed []byte, rows, cols, lo, hi int)
}

// checkPacked panics if columns do not fill blocks, a range of groups does not fit
// its matrix, or the matrix, of size bytes, what has been given.
func checkPacked(given, size, rows, cols, block, lo, hi int) {
	if cols%block != 0 {
		panic(fmt.Sprintf("kernel: columns do not fill blocks of %d", block))
	}
	if lo < 0 || lo > hi || hi > groups(rows) {
		panic("kernel: row groups out of range")
	}
	if given < size {
		panic("kernel: packed matrix too short")
	}
}

// Rounds reports whether MatMul rounds activations.
func (l *Layout) Rounds() bool { return l.X != Floats }

// Int8 reports whether MatMul multiplies activations rounded to int8.
func (l *Layout) Int8() bool { return l.Rounds() && l.X != Pairs }

// Best returns the layout that takes l's place on this processor, l if none does: bf16
// lies in pairs where they are multiplied faster than f32.
func (l *Layout) Best() *Layout {
	if l == BF16x16 && fastPairs {
		return BF16Pairsx16
	}
	return l
}

// Activations are a form of rows that a layout multiplies: blocks of some
// columns. They are kept in memory of floats, whatever they are.
type Activations struct {
	Len  int // columns a block
	Size int // floats of memory a block

	// Quantize brings the columns of x, a whole number of blocks, to this form.
	Quantize func(dst, x []float32)
}

// Words returns how many floats of memory a row of cols columns takes.
func (a *Activations) Words(cols int) int { return cols / a.Len * a.Size }
