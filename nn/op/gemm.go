package op

import (
	"limbeck/internal/par"
	"limbeck/tensor/kernel"
)

// Blocking of the multiply, after Goto and van de Geijn 2008, "Anatomy of
// High-Performance Matrix Multiplication". None of it changes a bit of the
// result: each element's sum is one chain over k, whatever the cuts.
const (
	// Scratch, in floats: 8 MB each for rows of a and columns of b.
	gemmScratchA = 2 << 20
	gemmScratchB = 2 << 20
	gemmDepth    = 1024 // rows of b packed at a time

	// gemmSmall is the number of multiplications that one thread does as
	// fast as several.
	gemmSmall = 1 << 15

	// Pairs are kept in strips, of the rows of a that a piece takes. Rows that are
	// contiguous stay so, a cache line further apart than they are long: with lengths of
	// powers of two, those of a block would share few places in the first-level cache.
	stripGap = 16
)

// A GEMM multiplies matrices in parallel. Its scratch memory, at most 16 MiB and a panel
// of 16 KiB a thread, is made when it is first needed, and reused; the zero value is ready.
type GEMM struct {
	// BF16 rounds what is multiplied to bf16, if the processor multiplies that
	// faster than f32; sums stay f32.
	BF16 bool

	together  []product // in progress, by rows
	stripSize int       // of each worker's rows, packed

	now          product // in progress, in chunks
	fused        bool    // each piece packs its own part of b
	keptA, keptB bool    // is packed already

	chunkA, chunkB kernel.Mat // the parts that are packed
	i, j           int        // their first row and column
	depth          int        // of both, packed
	adds           bool       // of this chunk of k
	packsA         int        // pieces of packing that are of a; then come those of b

	packedA, packedB []float32
	panels           []float32 // of each worker, if fused
}

// A product is c = a·b, or c += a·b where it adds.
type product struct {
	c, a, b kernel.Mat
	add     bool
}

// oriented returns the product, or its transpose, so that rows of c are contiguous.
func (x product) oriented() product {
	if x.c.Rows != x.a.Rows || x.c.Cols != x.b.Cols || x.a.Cols != x.b.Rows {
		panic("op: shapes of a matrix product do not fit")
	}
	if x.c.ColStride == 1 {
		return x
	}
	if x.c.RowStride != 1 {
		panic("op: neither rows nor columns of a matrix product are contiguous")
	}
	return product{x.c.T(), x.b.T(), x.a.T(), x.add}
}

// Mul computes c = a·b, or c += a·b. Matrices may have any strides, but rows or
// columns of c must be contiguous. The bits of an element depend on its row of
// a and its column of b alone (and on c, if added to): not on the other rows
// and columns, nor on the number of threads.
func (g *GEMM) Mul(p *par.Pool, c, a, b kernel.Mat, add bool) {
	one := [1]product{{c, a, b, add}}
	g.mulAll(p, one[:])
}

// mulAll does what Mul does of each of the products, in their order; no factor is
// written to by any. It orients them in place. Those that follow each other go by rows,
// as many as can. Of others, a factor that one shares with the one before it is packed
// once, if it is packed whole.
func (g *GEMM) mulAll(p *par.Pool, products []product) {
	for i := range products {
		products[i] = products[i].oriented()
	}
	for len(products) > 0 {
		if n := g.byRows(p.Threads(), products); n > 0 {
			g.forget() // what was packed is overwritten
			g.mulByRows(p, products[:n])
			products = products[n:]
			continue
		}
		x := products[0]
		wholeA, wholeB := g.packsWhole()
		g.keptA, g.keptB = wholeA && same(x.a, g.now.a), wholeB && same(x.b, g.now.b)
		g.mul(p, x)
		products = products[1:]
	}
	g.forget()
}

// same reports whether two matrices are one.
func same(a, b kernel.Mat) bool {
	return a.Rows == b.Rows && a.Cols == b.Cols && a.RowStride == b.RowStride && a.ColStride == b.ColStride &&
		len(a.Data) > 0 && len(b.Data) > 0 && &a.Data[0] == &b.Data[0]
}

// packsWhole reports which factors of the last product lie packed from end to end; none,
// if there was none.
func (g *GEMM) packsWhole() (a, b bool) {
	x := &g.now
	depth, rows, cols := g.cuts(x.a.Rows, x.a.Cols, x.b.Cols)
	deep := depth >= x.a.Cols
	return deep && rows >= x.a.Rows, deep && cols >= x.b.Cols && !g.fused
}

// forget lets go of what was multiplied.
func (g *GEMM) forget() {
	g.now, g.chunkA, g.chunkB = product{}, kernel.Mat{}, kernel.Mat{}
	g.keptA, g.keptB = false, false
}

// mul computes a product in chunks: as much of both factors at a time as scratch memory
// holds, packed.
func (g *GEMM) mul(p *par.Pool, x product) {
	if x.c.Rows == 0 || x.c.Cols == 0 {
		g.forget()
		return
	}
	g.now = x
	depth, rows, cols := g.cuts(x.a.Rows, x.a.Cols, x.b.Cols)
	g.fused = x.a.Rows <= kernel.VectorCuts.Rows && !g.Pairs()
	g.reserve(p, g.packedDepth(depth), rows, cols)
	for i := 0; i < x.c.Rows; i += rows {
		for k := 0; k == 0 || k < x.a.Cols; k += depth {
			g.mulChunk(p, i, min(i+rows, x.a.Rows), k, min(k+depth, x.a.Cols), cols)
		}
	}
}

// Pairs reports whether g rounds what it multiplies to pairs of bf16.
func (g *GEMM) Pairs() bool { return g.BF16 && kernel.FastPairs() }

// pieces returns how what is packed is cut into pieces.
func (g *GEMM) pieces() kernel.Cuts {
	if g.Pairs() {
		return kernel.PairCuts()
	}
	return kernel.VectorCuts
}

// cuts returns how a product of m×k by k×n is cut: the depth along k, the rows and the
// columns that are packed at a time.
func (g *GEMM) cuts(m, k, n int) (depth, rows, cols int) {
	packed, piece := min(max(g.packedDepth(k), 1), gemmDepth), g.pieces()
	depth = packed
	if g.Pairs() {
		depth = 2 * packed
	}
	rows = min(multiple(m, piece.Rows), gemmScratchA/g.line(packed)/piece.Rows*piece.Rows)
	cols = min(multiple(n, piece.Cols), gemmScratchB/packed/piece.Cols*piece.Cols)
	return depth, rows, cols
}

// Scratch returns the floats that a and b take, packed, in a product of m×k by
// k×n; the most of each over all its products is what a GEMM holds, the threads' panels
// apart, and up to 448 KiB more of products by rows.
func (g *GEMM) Scratch(m, k, n int) (a, b int) {
	depth, rows, cols := g.cuts(m, k, n)
	packed := g.packedDepth(depth)
	return g.line(packed) * rows, packed * cols
}

// packedDepth returns the packed floats of k elements.
func (g *GEMM) packedDepth(k int) int { return packedDepth(k, g.Pairs()) }

func packedDepth(k int, pairs bool) int {
	if pairs {
		return (k + 1) / 2
	}
	return k
}

// panelFloats returns the size of a matrix of k×n whose columns are packed.
func panelFloats(k, n int, pairs bool) int { return packedDepth(k, pairs) * roundUp(n) }

// packPanels packs panels lo to hi of b.
func packPanels(dst []float32, b kernel.Mat, lo, hi int, pairs bool) {
	if pairs {
		kernel.PackPairPanels(dst, b, lo, hi)
	} else {
		kernel.PackPanels(dst, b, lo, hi)
	}
}

// line returns the floats that a row of a takes of so many packed.
func (g *GEMM) line(depth int) int {
	if g.Pairs() {
		return depth + stripGap
	}
	return depth
}

// multiple returns the least multiple of to that is not below n.
func multiple(n, to int) int { return (n + to - 1) / to * to }

// reserve makes the scratch large enough.
func (g *GEMM) reserve(p *par.Pool, depth, rows, cols int) {
	g.packedA = grow(g.packedA, g.line(depth)*rows)
	if g.fused {
		g.panels = grow(g.panels, p.Threads()*kernel.VectorCuts.Depth*kernel.PanelWidth)
	} else {
		g.packedB = grow(g.packedB, depth*cols)
	}
}

// floats returns how many g holds.
func (g *GEMM) floats() int { return len(g.packedA) + len(g.packedB) + len(g.panels) }

func grow(v []float32, n int) []float32 {
	if len(v) < n {
		return LargeFloats(n)
	}
	return v
}

// mulChunk multiplies rows lo to hi of a by b, over k from klo to khi.
func (g *GEMM) mulChunk(p *par.Pool, lo, hi, klo, khi, cols int) {
	x := &g.now
	g.i, g.adds = lo, x.add || klo > 0
	g.chunkA, g.depth = part(x.a, lo, hi, klo, khi), g.packedDepth(khi-klo)
	for j := 0; j < x.b.Cols; j += cols {
		g.j = j
		g.chunkB = part(x.b, klo, khi, j, min(j+cols, x.b.Cols))
		n := g.chunkB.Cols
		pieces, packed := 0, 0
		if j == 0 && !g.keptA {
			pieces, packed = g.rowTiles(), hi-lo
		}
		g.packsA = pieces
		if !g.fused && !g.keptB {
			pieces, packed = pieces+rowPieces(n, gemmPackCols), packed+n
		}
		run(p, (*gemmPack)(g), pieces, packed*(khi-klo))
		run(p, (*gemmTile)(g), g.rowTiles()*rowPieces(n, g.pieces().Cols), n*(hi-lo)*(khi-klo))
	}
}

func (g *GEMM) rowTiles() int { return rowPieces(g.chunkA.Rows, g.pieces().Rows) }

// part returns rows i0 to i1 and columns j0 to j1 of m.
func part(m kernel.Mat, i0, i1, j0, j1 int) kernel.Mat {
	if i0 == i1 || j0 == j1 {
		return kernel.Mat{Rows: i1 - i0, Cols: j1 - j0}
	}
	m.Data = m.Data[i0*m.RowStride+j0*m.ColStride:]
	m.Rows, m.Cols = i1-i0, j1-j0
	return m
}

// run spreads the pieces over the pool unless there is too little work.
func run(p *par.Pool, t par.Task, pieces, work int) {
	if work > gemmSmall {
		p.Run(t, pieces)
		return
	}
	for i := range pieces {
		t.Do(0, i)
	}
}

// gemmPackCols is how many columns of b a piece of packing takes: whole panels.
const gemmPackCols = 4 * kernel.PanelWidth

type gemmPack GEMM

// Do packs the rows of a of a piece, or gemmPackCols columns of b.
func (n *gemmPack) Do(_, piece int) {
	g := (*GEMM)(n)
	if piece < g.packsA {
		g.packA(piece * g.pieces().Rows)
	} else {
		g.packB((piece - g.packsA) * gemmPackCols)
	}
}

// packA packs rows of the chunk of a from row i on.
func (g *GEMM) packA(i int) {
	a := g.chunkA
	g.packStrip(g.packedA[i*g.line(g.depth):], part(a, i, min(i+g.pieces().Rows, a.Rows), 0, a.Cols))
}

// packStrip packs a, the rows that a piece takes, to dst.
func (g *GEMM) packStrip(dst []float32, a kernel.Mat) {
	if g.Pairs() {
		depth := g.packedDepth(a.Cols)
		kernel.RoundPairs(part(g.strip(dst, a, depth), 0, a.Rows, 0, depth), a)
		return
	}
	kernel.PackBlocks(dst, a, 0, rowPieces(a.Rows, kernel.BlockRows))
}

// strip returns data as the pairs of a piece's rows of a, of so many pairs each.
func (g *GEMM) strip(data []float32, a kernel.Mat, depth int) kernel.Mat {
	m := kernel.Mat{Data: data, Rows: g.pieces().Rows, Cols: depth, RowStride: g.line(depth), ColStride: 1}
	if !kernel.PairsAlongRows(a) {
		m.RowStride, m.ColStride = 1, m.Rows
	}
	return m
}

// packB packs columns of the chunk of b from column j on.
func (g *GEMM) packB(j int) { g.packColumns(g.packedB[j*g.depth:], g.chunkB, j) }

// packColumns packs columns of b from column j on, as many as a piece of packing takes.
func (g *GEMM) packColumns(dst []float32, b kernel.Mat, j int) {
	const w = kernel.PanelWidth
	packPanels(dst, b, j/w, rowPieces(min(j+gemmPackCols, b.Cols), w), g.Pairs())
}

type gemmTile GEMM

// Do computes a piece of the product. Those of one stretch of columns follow each other,
// so that threads share its panels.
func (n *gemmTile) Do(worker, piece int) {
	g := (*GEMM)(n)
	tiles, cut := g.rowTiles(), g.pieces()
	i, j := piece%tiles*cut.Rows, piece/tiles*cut.Cols
	rows, cols := min(cut.Rows, g.chunkA.Rows-i), min(cut.Cols, g.chunkB.Cols-j)
	ldc := g.now.c.RowStride
	c, strip := g.now.c.Data[(g.i+i)*ldc+g.j+j:], g.packedA[i*g.line(g.depth):]
	if g.fused {
		g.mulFused(worker, c, rows, strip, j, cols)
		return
	}
	g.mulStrip(c, ldc, rows, strip, g.chunkA, g.depth, g.packedB[j*g.depth:], cols, g.adds)
}

// mulStrip multiplies rows of a that lie packed in strip, of so many packed floats each,
// by panels of as many.
func (g *GEMM) mulStrip(c []float32, ldc, rows int, strip []float32, a kernel.Mat, depth int,
	panels []float32, cols int, add bool,
) {
	step, apart := g.step(depth), depth*kernel.PanelWidth
	for k := 0; k == 0 || k < depth; k += step {
		n, b, adds := min(step, depth-k), panels[k*kernel.PanelWidth:], add || k > 0
		if g.Pairs() {
			pairs := part(g.strip(strip, a, depth), 0, g.pieces().Rows, k, k+n)
			kernel.MulBlockPairs(c, ldc, rows, pairs, b, apart, cols, adds)
			continue
		}
		blocks := strip[k*kernel.BlockRows:]
		kernel.MulBlocks(c, ldc, blocks, depth*kernel.BlockRows, rows, n, b, apart, cols, adds)
	}
}

// step returns how much of the depth is multiplied at a time.
func (g *GEMM) step(depth int) int {
	return multiple(evenly(depth, g.pieces().Depth), kernel.PairStep)
}

// mulFused is mulStrip by columns of b from the chunk's column j on, which are packed
// panel by panel.
func (g *GEMM) mulFused(worker int, c []float32, rows int, strip []float32, j, cols int) {
	step, apart, ldc := g.step(g.depth), g.depth*kernel.BlockRows, g.now.c.RowStride
	for k := 0; k == 0 || k < g.depth; k += step {
		n, blocks, add := min(step, g.depth-k), strip[k*kernel.BlockRows:], g.adds || k > 0
		for col := 0; col < cols; col += kernel.PanelWidth {
			b, width := g.panel(worker, j+col, k, n), min(kernel.PanelWidth, cols-col)
			kernel.MulBlocks(c[col:], ldc, blocks, apart, rows, n, b, 0, width, add)
		}
	}
}

// evenly returns the size of the least number of parts of n that are of at most
// so many, and of about one size.
func evenly(n, most int) int {
	parts := max(1, rowPieces(n, most))
	return max(1, rowPieces(n, parts))
}

// panel packs n rows, from k on, of the panel of the chunk's column j.
func (g *GEMM) panel(worker, j, k, n int) []float32 {
	const w = kernel.PanelWidth
	panel := g.panels[worker*kernel.VectorCuts.Depth*w:][:n*w]
	kernel.PackPanels(panel, part(g.chunkB, k, k+n, j, min(j+w, g.chunkB.Cols)), 0, 1)
	return panel
}
