//go:build !purego

package kernel

import "unsafe"

//go:generate sh -c "cd gen && go run ./int8 -out ../x16_amd64.s -stubs ../x16_stubs_amd64.go -pkg kernel"
//go:generate sh -c "cd gen && go run ./half -out ../half_amd64.s -stubs ../half_stubs_amd64.go -pkg kernel"
//go:generate sh -c "cd gen && go run ./vnni -out ../x16_avx512_amd64.s -stubs ../x16_avx512_stubs_amd64.go -pkg kernel"

// An assembly is what a format has of it. Its file sets it.
type assembly struct {
	avx2, avx512 *tiles

	// panel decodes the blocks of a group, column by column, in AVX2.
	panel func(dst *float32, w *byte, blocks int)

	// makes packs the words that are made of a k16 format's group, in AVX2: blocks of
	// its 16 rows, which are width bytes apart in src.
	makes func(dst, src *byte, width, block, file, blocks int)
}

// tiles are the tiles of a tier by height, one of height 1 among them.
type tiles [9]tile

// A tile multiplies its height, a number of activation rows, by groups. Strides are
// in bytes. Of a group it writes the outputs whose bit is set in lanes: all, where
// there are several groups.
type tile func(y *float32, ldy int, x *byte, ldx int, w *byte, blocks, groups int, lanes uint16)

// tilesOf returns a format's tiles of the tier in use, nil if it has none. The
// dispatcher replaces it.
var tilesOf = tilesOfNone

func tilesOfNone(*assembly) *tiles   { return nil }
func tilesOfAVX2(a *assembly) *tiles { return a.avx2 }

func tilesOfAVX512(a *assembly) *tiles {
	if a.avx512 == nil {
		return a.avx2
	}
	return a.avx512
}

// stayBytes of weights stay in the second cache while activation rows pass by.
const stayBytes = 256 << 10

// fast computes p by assembly. It reports false if there is none.
func (p *product) fast(a *assembly) bool {
	t := tilesOf(a)
	if t == nil {
		return false
	}
	tallest := t.tallest()
	whole := min(p.hi, p.rows/GroupRows) // groups without padding
	for g := p.lo; g < p.hi; {
		count, lanes := min(whole-g, max(1, stayBytes/p.group)), ^uint16(0)
		if g == whole {
			count, lanes = 1, 1<<(p.rows%GroupRows)-1
		}
		for i := 0; i < p.n; {
			n := t.tall(p.n-i, tallest)
			y, x := &p.y[i*p.ldy+g*GroupRows], (*byte)(unsafe.Pointer(&p.x[i*p.ldx]))
			t[n](y, p.ldy*wordBytes, x, p.ldx*wordBytes, &p.w[g*p.group], p.blocks, count, lanes)
			i += n
		}
		g += count
	}
	return true
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

func decodeBlocksAVX2(a *assembly, dst []float32, w []byte, blocks int) bool {
	if a.panel == nil || blocks == 0 {
		return false
	}
	a.panel(&dst[0], &w[0], blocks)
	return true
}
