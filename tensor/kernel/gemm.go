package kernel

import "fmt"

// PanelWidth is the number of columns of a packed panel.
const PanelWidth = 16

// BlockRows is the number of rows of a packed block: what the multiply takes at
// a time.
const BlockRows = 6

// Cuts are the sizes of the pieces that a product is best cut into.
type Cuts struct {
	Depth      int // rows of a panel, at most
	Rows, Cols int // of the product; Rows a multiple of [BlockRows], Cols of [PanelWidth]
}

// VectorCuts are those of [MulBlocks]. A panel of 16 KB takes half of the first-level cache;
// few rows let threads end together; of columns, 576 and 1,536 are multiples.
var VectorCuts = Cuts{Depth: 256, Rows: 48, Cols: 96}

// The routines in use; the dispatcher replaces them.
var (
	mulPanel      = mulPanelGeneric
	mulPanelTwice = mulPanelNever
	packPanels    = packPanelsGeneric
	packBlocks    = packBlocksGeneric
)

// rowBlocks says where the elements of blocks of BlockRows rows lie: (i, k) of
// block q is data[q*block+i*row+k*col].
type rowBlocks struct {
	data            []float32
	rows, cols      int // of all blocks together
	block, row, col int
}

// PackPanels packs panels lo to hi of b, the panel p holding columns 16p to
// 16p+15, one row after the other, zeros beyond the last column:
//
//	dst[((p-lo)*b.Rows+k)*16+j] = b[k, 16p+j]
func PackPanels(dst []float32, b Mat, lo, hi int) {
	size := b.Rows * PanelWidth
	if lo < 0 || lo > hi || (hi-1)*PanelWidth >= b.Cols && lo < hi {
		panic(fmt.Sprintf("kernel: PackPanels: panels %d to %d of %d columns", lo, hi, b.Cols))
	}
	if len(dst) < (hi-lo)*size {
		panic("kernel: PackPanels: dst is too short")
	}
	b.check("PackPanels")
	if b.Rows == 0 || lo == hi {
		return
	}
	b.Data = b.Data[lo*PanelWidth*b.ColStride:]
	b.Cols = min(b.Cols-lo*PanelWidth, (hi-lo)*PanelWidth)
	packPanels(dst[:(hi-lo)*size], b)
}

// PackBlocks packs blocks lo to hi of a, the block q holding rows 6q to 6q+5,
// one column after the other, zeros beyond the last row:
//
//	dst[((q-lo)*a.Cols+k)*6+i] = a[6q+i, k]
func PackBlocks(dst []float32, a Mat, lo, hi int) {
	size := a.Cols * BlockRows
	if lo < 0 || lo > hi || (hi-1)*BlockRows >= a.Rows && lo < hi {
		panic(fmt.Sprintf("kernel: PackBlocks: blocks %d to %d of %d rows", lo, hi, a.Rows))
	}
	if len(dst) < (hi-lo)*size {
		panic("kernel: PackBlocks: dst is too short")
	}
	a.check("PackBlocks")
	if a.Cols == 0 || lo == hi {
		return
	}
	a.Data = a.Data[lo*BlockRows*a.RowStride:]
	a.Rows = min(a.Rows-lo*BlockRows, (hi-lo)*BlockRows)
	packBlocks(dst[:(hi-lo)*size], a)
}

// MulPanels multiplies a by as many packed panels of a.Cols rows as hold cols columns,
// apart elements apart:
//
//	for i, j: for k := range a.Cols {
//		c[i*ldc+j] = fma(a[i, k], panels[j/16*apart+k*16+j%16], c[i*ldc+j])
//	}
//
// for j < cols, where c starts from 0 unless add. The sum over k is one chain
// in the order of k, so an element's bits depend on its row of a and its column
// alone; and a multiplication cut along k and continued with add is the same
// as the whole. (The generic tier rounds the products.)
func MulPanels(c []float32, ldc int, a Mat, panels []float32, apart, cols int, add bool) {
	a.check("MulPanels")
	eachPanel(c, ldc, a.blocks(), panels, apart, cols, add, mulPanel, mulPanelTwice)
}

// blocks returns where the elements of a are.
func (a Mat) blocks() rowBlocks {
	return rowBlocks{a.Data, a.Rows, a.Cols, BlockRows * a.RowStride, a.RowStride, a.ColStride}
}

// MulBlocks is [MulPanels] where a has that many rows and n columns and comes as
// packed blocks, stride elements apart.
func MulBlocks(c []float32, ldc int, blocks []float32, stride, rows, n int, panels []float32, apart, cols int, add bool) {
	if last := (rows - 1) / BlockRows; rows > 0 && len(blocks) < last*stride+n*BlockRows {
		panic("kernel: MulBlocks: blocks are too short")
	}
	eachPanel(c, ldc, rowBlocks{blocks, rows, n, stride, 1, BlockRows}, panels, apart, cols, add, mulPanel, mulPanelTwice)
}

// eachPanel multiplies a by panels: as many of its first rows as twice can, by two whole
// panels at once, which returns how many that are, and the others by one after the other.
func eachPanel(c []float32, ldc int, a rowBlocks, panels []float32, apart, cols int, add bool,
	once func(c []float32, ldc, cols int, a rowBlocks, panel []float32, add bool),
	twice func(c []float32, ldc int, a rowBlocks, panels []float32, apart int, add bool) int) {
	if !checkMul(c, ldc, a.rows, cols, a.cols, panels, apart) {
		return
	}
	const w = PanelWidth
	for j := 0; j < cols; {
		done, together := 0, 1
		if cols-j >= 2*w {
			done, together = twice(c[j:], ldc, a, panels[j/w*apart:], apart, add), 2
		}
		for rest := a.from(done); together > 0; together-- {
			if rest.rows > 0 {
				once(c[done*ldc+j:], ldc, min(w, cols-j), rest, panels[j/w*apart:], add)
			}
			j += w
		}
	}
}

// from returns the blocks from a row on, the first of a block or the one after the last.
func (a rowBlocks) from(row int) rowBlocks {
	a.data, a.rows = a.data[min(row/BlockRows*a.block, len(a.data)):], a.rows-row
	return a
}

// mulPanelNever is mulPanel by two whole panels, apart elements apart, where that is not
// faster than by each: it does no rows.
func mulPanelNever(_ []float32, _ int, _ rowBlocks, _ []float32, _ int, _ bool) int { return 0 }

// checkMul panics if a product of rows×n by n×cols does not fit, whose panels are apart
// elements apart; it reports whether there is anything to do.
func checkMul(c []float32, ldc, rows, cols, n int, panels []float32, apart int) bool {
	switch {
	case cols < 0 || apart < 0:
		panic(fmt.Sprintf("kernel: a product of %d columns by panels %d elements apart", cols, apart))
	case rows <= 0 || cols == 0:
		return false
	case ldc < cols && rows > 1:
		panic("kernel: rows of the product overlap")
	case len(c) < (rows-1)*ldc+cols:
		panic("kernel: the product is too short")
	case len(panels) < (cols-1)/PanelWidth*apart+n*PanelWidth:
		panic("kernel: the panels are too short")
	}
	return true
}

// check panics if m reaches beyond its data.
func (m Mat) check(who string) {
	if m.Rows < 0 || m.Cols < 0 || m.RowStride < 0 || m.ColStride < 0 {
		panic("kernel: " + who + ": negative size or stride")
	}
	if m.Rows > 0 && m.Cols > 0 && len(m.Data) <= (m.Rows-1)*m.RowStride+(m.Cols-1)*m.ColStride {
		panic("kernel: " + who + ": matrix reaches beyond its data")
	}
}

func packPanelsGeneric(dst []float32, b Mat) {
	for lo := 0; lo < b.Cols; lo += PanelWidth {
		panel := dst[lo*b.Rows:][:PanelWidth*b.Rows]
		cols := min(PanelWidth, b.Cols-lo)
		if cols < PanelWidth {
			clear(panel)
		}
		packColumns(panel, b, lo, lo+cols, 0)
	}
}

// packColumns packs columns lo to hi of b, from row first on, into the first
// columns of a panel.
func packColumns(panel []float32, b Mat, lo, hi, first int) {
	for j := lo; j < hi; j++ {
		for k := first; k < b.Rows; k++ {
			panel[k*PanelWidth+j-lo] = b.Data[k*b.RowStride+j*b.ColStride]
		}
	}
}

func packBlocksGeneric(dst []float32, a Mat) {
	for lo := 0; lo < a.Rows; lo += BlockRows {
		block := dst[lo*a.Cols:][:BlockRows*a.Cols]
		hi := min(a.Rows, lo+BlockRows)
		if hi-lo < BlockRows {
			clear(block)
		}
		packRows(block, a, lo, hi, 0)
	}
}

// packRows packs rows lo to hi of a, from column first on, into the first rows of a
// block.
func packRows(block []float32, a Mat, lo, hi, first int) {
	for i := lo; i < hi; i++ {
		for k := first; k < a.Cols; k++ {
			block[k*BlockRows+i-lo] = a.Data[i*a.RowStride+k*a.ColStride]
		}
	}
}

// mulPanelGeneric computes tiles of 2×4: eight accumulators fit in registers.
// A conversion around each product keeps compilers from fusing it into the sum
// in one place and not in another.
func mulPanelGeneric(c []float32, ldc, cols int, a rowBlocks, panel []float32, add bool) {
	for i := 0; i < a.rows; i += 2 {
		two := i+1 < a.rows
		at := i/BlockRows*a.block + i%BlockRows*a.row
		a0 := a.data[min(at, len(a.data)):]
		a1 := a0
		if two {
			a1 = a.data[min(at+a.row, len(a.data)):]
		}
		for j := 0; j < cols; j += 4 {
			var t [2][4]float32
			n := min(4, cols-j)
			if add {
				copy(t[0][:n], c[i*ldc+j:])
				if two {
					copy(t[1][:n], c[(i+1)*ldc+j:])
				}
			}
			if a.cols > 0 {
				mulTileGeneric(&t, a0, a1, a.col, panel[j:], a.cols)
			}
			copy(c[i*ldc+j:][:n], t[0][:n])
			if two {
				copy(c[(i+1)*ldc+j:][:n], t[1][:n])
			}
		}
	}
}

func mulTileGeneric(t *[2][4]float32, a0, a1 []float32, step int, panel []float32, n int) {
	c00, c01, c02, c03 := t[0][0], t[0][1], t[0][2], t[0][3]
	c10, c11, c12, c13 := t[1][0], t[1][1], t[1][2], t[1][3]
	for k := range n {
		b := (*[4]float32)(panel[k*PanelWidth:])
		x, y := a0[k*step], a1[k*step]
		c00 += float32(x * b[0])
		c01 += float32(x * b[1])
		c02 += float32(x * b[2])
		c03 += float32(x * b[3])
		c10 += float32(y * b[0])
		c11 += float32(y * b[1])
		c12 += float32(y * b[2])
		c13 += float32(y * b[3])
	}
	t[0] = [4]float32{c00, c01, c02, c03}
	t[1] = [4]float32{c10, c11, c12, c13}
}
