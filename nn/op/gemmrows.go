package op

import "limbeck/internal/par"

// Where all of b stays in the second cache, a product is computed by rows: a thread packs
// some rows of a and multiplies them at once, while they are in its cache too. Products
// with as many rows are taken together: rows of a that they share are packed once, and
// rows of c that several add to stay in the cache meanwhile.
const (
	togetherFloats = 112 << 10 // of all b, packed: about as much as second caches hold
	togetherPieces = 4         // for each thread, at least, so that all end together
)

// byRows returns how many of the products, the first ones, are computed by rows.
func (g *GEMM) byRows(threads int, products []product) (n int) {
	rows := products[0].c.Rows
	if rowPieces(rows, g.pieces().Rows) < togetherPieces*threads {
		return 0
	}
	room := togetherFloats
	for i := range products {
		x := &products[i]
		depth, _, _ := g.cuts(rows, x.a.Cols, x.b.Cols)
		room -= g.panelFloats(x)
		if x.c.Rows != rows || room < 0 || x.a.Cols == 0 || x.a.Cols > depth || x.b.Cols == 0 ||
			threads*g.stripFloats(x) > gemmScratchA {
			break
		}
		n++
	}
	return n
}

// panelFloats returns the size of x's b, packed.
func (g *GEMM) panelFloats(x *product) int { return panelFloats(x.b.Rows, x.b.Cols, g.Pairs()) }

// stripFloats returns the size of the rows of x's a that a piece takes, packed.
func (g *GEMM) stripFloats(x *product) int {
	return g.line(g.packedDepth(x.a.Cols)) * g.pieces().Rows
}

func (g *GEMM) mulByRows(p *par.Pool, products []product) {
	strip, panels, packs := 0, 0, 0
	for i := range products {
		x := &products[i]
		strip = max(strip, g.stripFloats(x))
		panels += g.panelFloats(x)
		packs += rowPieces(x.b.Cols, gemmPackCols)
	}
	g.together, g.stripSize = append(g.together[:0], products...), strip
	g.packedA, g.packedB = grow(g.packedA, p.Threads()*strip), grow(g.packedB, panels)
	p.Run((*gemmRowsPack)(g), packs)
	p.Run((*gemmRows)(g), rowPieces(products[0].c.Rows, g.pieces().Rows))
	clear(g.together)
}

type gemmRowsPack GEMM

// Do packs some columns of one product's b.
func (n *gemmRowsPack) Do(_, piece int) {
	g, panels := (*GEMM)(n), n.packedB
	for i := range g.together {
		x := &g.together[i]
		packs := rowPieces(x.b.Cols, gemmPackCols)
		if piece < packs {
			j := piece * gemmPackCols
			g.packColumns(panels[j*g.packedDepth(x.b.Rows):], x.b, j)
			return
		}
		piece, panels = piece-packs, panels[g.panelFloats(x):]
	}
}

type gemmRows GEMM

// Do computes some rows of each product, one product after the other.
func (n *gemmRows) Do(worker, piece int) {
	g, cut, panels := (*GEMM)(n), (*GEMM)(n).pieces(), n.packedB
	lo, strip := piece*cut.Rows, n.packedA[worker*n.stripSize:]
	for i := range g.together {
		x := &g.together[i]
		rows, depth, ldc := min(cut.Rows, x.a.Rows-lo), g.packedDepth(x.a.Cols), x.c.RowStride
		if i == 0 || !same(x.a, g.together[i-1].a) {
			g.packStrip(strip, part(x.a, lo, lo+rows, 0, x.a.Cols))
		}
		for j := 0; j < x.b.Cols; j += cut.Cols {
			cols := min(cut.Cols, x.b.Cols-j)
			g.mulStrip(x.c.Data[lo*ldc+j:], ldc, rows, strip, x.a, depth, panels[j*depth:], cols, x.add)
		}
		panels = panels[g.panelFloats(x):]
	}
}
