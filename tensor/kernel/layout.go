package kernel

// GroupRows is the number of weight rows that a packed layout interleaves.
const GroupRows = 16

// A Layout is how the rows of a number format lie in memory for the fast
// multiply: groups of [GroupRows] rows, interleaved. The last group is padded
// with zero rows. cols is the row length in elements, a multiple of 32.
//
// MatMul's order of accumulation for an output element depends on cols alone.
type Layout struct {
	Name string

	// Bytes returns the packed size of a matrix.
	Bytes func(rows, cols int) int

	// Pack packs row groups lo to hi from src, which holds all rows in file
	// order, to dst, which holds all groups.
	Pack func(dst, src []byte, rows, cols, lo, hi int)

	// PackRow distributes one row, in file order, over lane r of its group.
	PackRow func(group, row []byte, r int)

	// DecodeRow writes the exact values of one row.
	DecodeRow func(dst []float32, packed []byte, cols, row int)

	// DecodePanel writes the exact values of a group, column by column:
	// dst[k*GroupRows+r] is element k of row r. len(dst) = cols*GroupRows.
	DecodePanel func(dst []float32, packed []byte, cols, group int)

	// MatMul multiplies n activation rows by row groups lo to hi:
	// y[i*ldy+r] = Σ_k x[i][k]·w[r][k] for every row r < rows of these groups.
	// x holds n rows of cols/32 blocks.
	MatMul func(y []float32, ldy int, x []Q8Block, n int, packed []byte, rows, cols, lo, hi int)
}

// A Q8Block holds 32 activations as int8: x ≈ D·Q. Sum is ΣQ, DSum
// is D·Sum ≈ Σx.
type Q8Block struct {
	D    float32
	Sum  int32
	DSum float32
	Q    [32]int8
}
