//go:build !purego

package kernel

import "unsafe"

//go:generate sh -c "cd gen && go run ./x16avx2 -out ../x16_amd64.s -stubs ../x16_stubs_amd64.go -pkg kernel"
//go:generate sh -c "cd gen && go run ./half -out ../half_amd64.s -stubs ../half_stubs_amd64.go -pkg kernel"
//go:generate sh -c "cd gen && go run ./x16avx512 -out ../x16_avx512_amd64.s -stubs ../x16_avx512_stubs_amd64.go -pkg kernel"

// An assembly is what a format has of it in the tier in use. The tiers' files set it.
type assembly struct {
	tileSet

	// crowd multiplies many activation rows, by AMX.
	crowd crowdTile

	// panel decodes the blocks of a group, column by column.
	panel func(dst *float32, w *byte, blocks int)

	// makes packs the words that are made of a k16 format's group: blocks of its 16 rows,
	// which are width bytes apart in src.
	makes func(dst, src *byte, width, block, file, blocks int)
}

// A tileSet is a format's tiles of a tier. It takes the place of all those of the tier
// below, even where it has none.
type tileSet struct {
	few *tiles

	// pairs multiply 4 or 5 activation rows by TogetherGroups at once: they read each
	// activation once for both.
	pairs *tiles

	// many multiplies many activation rows.
	many manyTile
}

// tiles are tiles by height, one of height 1 among them.
type tiles [9]tile

// A tile multiplies its height, a number of activation rows, by groups. Strides are
// in bytes. Of a group it writes the outputs whose bit is set in lanes: all, where
// there are several groups.
type tile func(y *float32, ldy int, x *byte, ldx int, w *byte, blocks, groups int, lanes uint16)

// A manyTile multiplies a multiple of four activation rows by a group, all of whose
// outputs it writes. Strides are in bytes.
type manyTile func(y *float32, ldy int, x *byte, ldx int, w *byte, blocks, rows int)

// highAhead is how far ahead products of one or two activation rows with formats that
// have high bits, in AVX-512, ask for weights. A Zen 5 reads up to two thirds more a
// second so, Q6_K more than with package k16's Ahead; on a Zen 4, which has no AVX-VNNI,
// to ask ahead cost up to a third. Kernels read it.
var highAhead int

// farAhead is highAhead where it pays.
const farAhead = 12288

const (
	stayBytes = 256 << 10 // of weights stay in the second cache while activation rows pass by
	nearBytes = 32 << 10  // of activations stay in the first one while weights pass by
)

// fast computes p by assembly. It reports false if there is none.
func (p *product) fast(a *assembly) bool {
	if a.few == nil {
		return false
	}
	whole := max(p.lo, min(p.hi, p.rows/GroupRows)) // groups up to it have no padding
	if p.n >= crowdFrom && a.crowd != nil {
		p.crowd(a.crowd, whole)
		return true
	}
	first := 0
	if a.many != nil && p.n >= fewest {
		first = p.n / manyStep * manyStep
		p.many(a.many, first, whole)
	}
	paired := p.lo
	if a.pairs != nil && p.n >= ManyRows {
		paired = whole - (whole-p.lo)%TogetherGroups
		p.paired(a.pairs, paired)
	}
	p.few(a.few, first, paired, whole)
	p.few(a.few, 0, whole, p.hi)
	return true
}

const (
	fewest   = 8 // activation rows that are many
	manyStep = 4 // a manyTile takes a multiple of so many
)

// many computes the first n activation rows of the groups up to whole.
func (p *product) many(tile manyTile, n, whole int) {
	rows := max(fewest, stayBytes/(p.ldx*wordBytes)/manyStep*manyStep)
	for i := 0; i < n; i += rows {
		some := min(rows, n-i)
		for g := p.lo; g < whole; g++ {
			y, x := &p.y[i*p.ldy+g*GroupRows], (*byte)(unsafe.Pointer(&p.x[i*p.ldx]))
			tile(y, p.ldy*wordBytes, x, p.ldx*wordBytes, &p.w[g*p.group], p.blocks, some)
		}
	}
}

// paired computes the groups up to hi, an even number of them, in tiles that share the
// activation rows evenly.
func (p *product) paired(t *tiles, hi int) {
	calls := (p.n + t.tallest() - 1) / t.tallest()
	for g := p.lo; g < hi; {
		count := min(hi-g, max(TogetherGroups, stayBytes/p.group/TogetherGroups*TogetherGroups))
		for c := range calls {
			i, end := p.n*c/calls, p.n*(c+1)/calls
			y, x := &p.y[i*p.ldy+g*GroupRows], (*byte)(unsafe.Pointer(&p.x[i*p.ldx]))
			t[end-i](y, p.ldy*wordBytes, x, p.ldx*wordBytes, &p.w[g*p.group], p.blocks, count, ^uint16(0))
		}
		g += count
	}
}

// few computes the activation rows from first on of the groups from lo to hi: of
// whole ones, or of the last.
func (p *product) few(t *tiles, first, lo, hi int) {
	tallest, lanes := t.tallest(), ^uint16(0)
	if hi*GroupRows > p.rows {
		lanes = 1<<(p.rows%GroupRows) - 1
	}
	together := max(1, stayBytes/p.group)
	if left := p.n - first; left > tallest && left*p.ldx*wordBytes <= nearBytes {
		together = 1 // so that memory is waited for evenly, not by the first tile alone
	}
	for g := lo; g < hi; {
		count := min(hi-g, together)
		for i := first; i < p.n; {
			n := t.tall(p.n-i, tallest)
			y, x := &p.y[i*p.ldy+g*GroupRows], (*byte)(unsafe.Pointer(&p.x[i*p.ldx]))
			t[n](y, p.ldy*wordBytes, x, p.ldx*wordBytes, &p.w[g*p.group], p.blocks, count, lanes)
			i += n
		}
		g += count
	}
}

func (t *tiles) tallest() int {
	n := len(t) - 1
	for t[n] == nil {
		n--
	}
	return n
}

// tall returns how many of the n activation rows left the next tile takes. Where two
// tiles do, they share the rows: the tile that takes a single one is the slowest.
func (t *tiles) tall(n, tallest int) int {
	if half := (n + 1) / 2; n > tallest && half < tallest && t[half] != nil {
		return half
	}
	n = min(n, tallest)
	for t[n] == nil {
		n--
	}
	return n
}

// decode decodes the blocks of a group, column by column. It reports false if there is no
// assembly for that.
func (a *assembly) decode(dst []float32, w []byte, blocks int) bool {
	if a.panel == nil || blocks == 0 {
		return false
	}
	a.panel(&dst[0], &w[0], blocks)
	return true
}
