//go:build !purego

package kernel

import "unsafe"

//go:generate sh -c "cd gen && go run ./int8 -out ../x16_amd64.s -stubs ../x16_stubs_amd64.go -pkg kernel"
//go:generate sh -c "cd gen && go run ./half -out ../half_amd64.s -stubs ../half_stubs_amd64.go -pkg kernel"
//go:generate sh -c "cd gen && go run ./vnni -out ../x16_avx512_amd64.s -stubs ../x16_avx512_stubs_amd64.go -pkg kernel"

func quantizeRow(dst []Q8Block, x []float32) {
	if current < tierAVX2 || len(x) == 0 {
		quantizeRowGeneric(dst, x)
		return
	}
	quantizeRowAVX2((*byte)(unsafe.Pointer(&dst[0])), &x[0], len(x)/BlockLen)
}

func quantizeWide(dst []Q8Wide, x []float32) {
	if current < tierAVX2 || len(x) == 0 {
		quantizeWideGeneric(dst, x)
		return
	}
	quantizeWideAVX2((*byte)(unsafe.Pointer(&dst[0])), &x[0], len(x)/WideLen)
}

// fast computes p by assembly. It reports false if this processor has none.
func (p *product) fast(id int) bool {
	switch {
	case current >= tierAVX512:
		p.runAVX512(&tilesAVX512[id])
	case current >= tierAVX2:
		p.runAVX2(id)
	default:
		return false
	}
	return true
}

// A tileAVX512 multiplies its number of activation rows by whole groups.
// Strides are in bytes; of each group it writes the outputs whose bit in lanes
// is set.
type tileAVX512 func(y *float32, ldy int, x *byte, ldx int, w *byte, blocks, groups int, lanes uint16)

// tilesAVX512 holds the tiles of a format by height.
var tilesAVX512 = [...][9]tileAVX512{
	idQ4_0:   {1: q4_0x16v1, q4_0x16v2, q4_0x16v3, q4_0x16v4, q4_0x16v5, q4_0x16v6, q4_0x16v7, q4_0x16v8},
	idQ4_1:   {1: q4_1x16v1, q4_1x16v2, q4_1x16v3, q4_1x16v4, q4_1x16v5, q4_1x16v6, q4_1x16v7, q4_1x16v8},
	idQ5_0:   {1: q5_0x16v1, q5_0x16v2, q5_0x16v3, q5_0x16v4, q5_0x16v5, q5_0x16v6, q5_0x16v7, q5_0x16v8},
	idQ5_1:   {1: q5_1x16v1, q5_1x16v2, q5_1x16v3, q5_1x16v4, q5_1x16v5, q5_1x16v6, q5_1x16v7, q5_1x16v8},
	idQ8_0:   {1: q8_0x16v1, q8_0x16v2, q8_0x16v3, q8_0x16v4, q8_0x16v5, q8_0x16v6, q8_0x16v7, q8_0x16v8},
	idQ4_K:   {1: q4_kx16v1, q4_kx16v2, q4_kx16v3, q4_kx16v4, q4_kx16v5, q4_kx16v6, q4_kx16v7, q4_kx16v8},
	idQ5_K:   {1: q5_kx16v1, q5_kx16v2, q5_kx16v3, q5_kx16v4, q5_kx16v5, q5_kx16v6, q5_kx16v7, q5_kx16v8},
	idQ6_K:   {1: q6_kx16v1, q6_kx16v2, q6_kx16v3, q6_kx16v4, q6_kx16v5, q6_kx16v6, q6_kx16v7, q6_kx16v8},
	idQ2_K:   {1: q2_kx16v1, q2_kx16v2, q2_kx16v3, q2_kx16v4, q2_kx16v5, q2_kx16v6, q2_kx16v7, q2_kx16v8},
	idQ3_K:   {1: q3_kx16v1, q3_kx16v2, q3_kx16v3, q3_kx16v4, q3_kx16v5, q3_kx16v6, q3_kx16v7, q3_kx16v8},
	idIQ4_NL: {1: iq4_nlx16v1, iq4_nlx16v2, iq4_nlx16v3, iq4_nlx16v4, iq4_nlx16v5, iq4_nlx16v6, iq4_nlx16v7, iq4_nlx16v8},
	idIQ4_XS: {1: iq4_xsx16v1, iq4_xsx16v2, iq4_xsx16v3, iq4_xsx16v4, iq4_xsx16v5, iq4_xsx16v6, iq4_xsx16v7, iq4_xsx16v8},
	idMXFP4:  {1: mxfp4x16v1, mxfp4x16v2, mxfp4x16v3, mxfp4x16v4, mxfp4x16v5, mxfp4x16v6, mxfp4x16v7, mxfp4x16v8},
	idF16:    {1: f16x16v1, f16x16v2, f16x16v3, f16x16v4, f16x16v5, f16x16v6, f16x16v7, f16x16v8},
	idBF16:   {1: bf16x16v1, bf16x16v2, bf16x16v3, bf16x16v4, bf16x16v5, bf16x16v6, bf16x16v7, bf16x16v8},
}

// tallAVX512 returns how many of the n activation rows left the next tile takes.
// It leaves no single row to the last: the tile that takes one is the slowest.
func tallAVX512(n int) int {
	if n > 8 && n < 16 {
		return (n + 1) / 2
	}
	return min(n, 8)
}

// stayBytes of weights stay in the second cache while activation rows pass by.
const stayBytes = 256 << 10

func (p *product) runAVX512(tiles *[9]tileAVX512) {
	whole := min(p.hi, p.rows/GroupRows) // groups without padding
	for g := p.lo; g < p.hi; {
		count, lanes := min(whole-g, max(1, stayBytes/p.group)), ^uint16(0)
		if g == whole {
			count, lanes = 1, 1<<(p.rows%GroupRows)-1
		}
		for i := 0; i < p.n; {
			tall := tallAVX512(p.n - i)
			out, in := &p.y[i*p.ldy+g*GroupRows], (*byte)(unsafe.Pointer(&p.x[i*p.ldx]))
			tiles[tall](out, p.ldy*wordBytes, in, p.ldx*wordBytes, &p.w[g*p.group], p.blocks, count, lanes)
			i += tall
		}
		g += count
	}
}

func (p *product) runAVX2(id int) {
	whole, lo := min(p.hi, p.rows/GroupRows), p.lo // groups without padding
	if p.n == 1 && lo < whole {
		tileAVX2(id, 1, p.y[lo*GroupRows:], p.ldy, p.x, p.ldx, p.w[lo*p.group:], p.blocks, whole-lo)
		lo = whole
	}
	for g := lo; g < p.hi; g++ {
		row, w := g*GroupRows, p.w[g*p.group:]
		for i := 0; i < p.n; {
			tall := tallAVX2(p.n - i)
			y, x := p.y[i*p.ldy+row:], p.x[i*p.ldx:]
			if g < whole {
				tileAVX2(id, tall, y, p.ldy, x, p.ldx, w, p.blocks, 1)
			} else {
				var out [4 * GroupRows]float32
				tileAVX2(id, tall, out[:], GroupRows, x, p.ldx, w, p.blocks, 1)
				for r := range tall {
					copy(y[r*p.ldy:][:p.rows-row], out[r*GroupRows:])
				}
			}
			i += tall
		}
	}
}

// tallAVX2 returns how many of the n activation rows left the next tile takes.
func tallAVX2(n int) int {
	switch {
	case n >= 4:
		return 4
	case n >= 2:
		return 2
	}
	return 1
}

// tileAVX2 multiplies n activation rows, 1, 2 or 4, by whole groups. It calls by
// name, since a function value would move the caller's outputs to the heap.
func tileAVX2(id, n int, y []float32, ldy int, x []float32, ldx int, w []byte, blocks, groups int) {
	out, in, q := &y[0], (*byte)(unsafe.Pointer(&x[0])), &w[0]
	ldy, ldx = ldy*wordBytes, ldx*wordBytes
	switch id<<3 | n {
	case idQ4_0<<3 | 1:
		q4_0x16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ4_0<<3 | 2:
		q4_0x16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ4_0<<3 | 4:
		q4_0x16n4(out, ldy, in, ldx, q, blocks, groups)
	case idQ4_1<<3 | 1:
		q4_1x16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ4_1<<3 | 2:
		q4_1x16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ4_1<<3 | 4:
		q4_1x16n4(out, ldy, in, ldx, q, blocks, groups)
	case idQ5_0<<3 | 1:
		q5_0x16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ5_0<<3 | 2:
		q5_0x16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ5_0<<3 | 4:
		q5_0x16n4(out, ldy, in, ldx, q, blocks, groups)
	case idQ5_1<<3 | 1:
		q5_1x16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ5_1<<3 | 2:
		q5_1x16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ5_1<<3 | 4:
		q5_1x16n4(out, ldy, in, ldx, q, blocks, groups)
	case idQ8_0<<3 | 1:
		q8_0x16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ8_0<<3 | 2:
		q8_0x16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ8_0<<3 | 4:
		q8_0x16n4(out, ldy, in, ldx, q, blocks, groups)
	case idQ4_K<<3 | 1:
		q4_kx16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ4_K<<3 | 2:
		q4_kx16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ4_K<<3 | 4:
		q4_kx16n4(out, ldy, in, ldx, q, blocks, groups)
	case idQ5_K<<3 | 1:
		q5_kx16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ5_K<<3 | 2:
		q5_kx16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ5_K<<3 | 4:
		q5_kx16n4(out, ldy, in, ldx, q, blocks, groups)
	case idQ6_K<<3 | 1:
		q6_kx16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ6_K<<3 | 2:
		q6_kx16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ6_K<<3 | 4:
		q6_kx16n4(out, ldy, in, ldx, q, blocks, groups)
	case idQ2_K<<3 | 1:
		q2_kx16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ2_K<<3 | 2:
		q2_kx16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ2_K<<3 | 4:
		q2_kx16n4(out, ldy, in, ldx, q, blocks, groups)
	case idQ3_K<<3 | 1:
		q3_kx16n1(out, ldy, in, ldx, q, blocks, groups)
	case idQ3_K<<3 | 2:
		q3_kx16n2(out, ldy, in, ldx, q, blocks, groups)
	case idQ3_K<<3 | 4:
		q3_kx16n4(out, ldy, in, ldx, q, blocks, groups)
	case idIQ4_NL<<3 | 1:
		iq4_nlx16n1(out, ldy, in, ldx, q, blocks, groups)
	case idIQ4_NL<<3 | 2:
		iq4_nlx16n2(out, ldy, in, ldx, q, blocks, groups)
	case idIQ4_NL<<3 | 4:
		iq4_nlx16n4(out, ldy, in, ldx, q, blocks, groups)
	case idIQ4_XS<<3 | 1:
		iq4_xsx16n1(out, ldy, in, ldx, q, blocks, groups)
	case idIQ4_XS<<3 | 2:
		iq4_xsx16n2(out, ldy, in, ldx, q, blocks, groups)
	case idIQ4_XS<<3 | 4:
		iq4_xsx16n4(out, ldy, in, ldx, q, blocks, groups)
	case idMXFP4<<3 | 1:
		mxfp4x16n1(out, ldy, in, ldx, q, blocks, groups)
	case idMXFP4<<3 | 2:
		mxfp4x16n2(out, ldy, in, ldx, q, blocks, groups)
	case idMXFP4<<3 | 4:
		mxfp4x16n4(out, ldy, in, ldx, q, blocks, groups)
	case idF16<<3 | 1:
		f16x16n1(out, ldy, in, ldx, q, blocks, groups)
	case idF16<<3 | 2:
		f16x16n2(out, ldy, in, ldx, q, blocks, groups)
	case idF16<<3 | 4:
		f16x16n4(out, ldy, in, ldx, q, blocks, groups)
	case idBF16<<3 | 1:
		bf16x16n1(out, ldy, in, ldx, q, blocks, groups)
	case idBF16<<3 | 2:
		bf16x16n2(out, ldy, in, ldx, q, blocks, groups)
	case idBF16<<3 | 4:
		bf16x16n4(out, ldy, in, ldx, q, blocks, groups)
	default:
		panic("kernel: no tile of this height")
	}
}

// panelFast decodes the blocks of a group of a format, column by column, by
// assembly. It reports false if this processor has none.
func panelFast(id int, dst []float32, w []byte, blocks int) bool {
	if current < tierAVX2 || blocks == 0 {
		return false
	}
	panels[id](&dst[0], &w[0], blocks)
	return true
}

// panels hold the decoders by format.
var panels = [...]func(dst *float32, w *byte, blocks int){
	idQ4_0:   q4_0x16panel,
	idQ4_1:   q4_1x16panel,
	idQ5_0:   q5_0x16panel,
	idQ5_1:   q5_1x16panel,
	idQ8_0:   q8_0x16panel,
	idQ4_K:   q4_kx16panel,
	idQ5_K:   q5_kx16panel,
	idQ6_K:   q6_kx16panel,
	idQ2_K:   q2_kx16panel,
	idQ3_K:   q3_kx16panel,
	idIQ4_NL: iq4_nlx16panel,
	idIQ4_XS: iq4_xsx16panel,
	idMXFP4:  mxfp4x16panel,
}
