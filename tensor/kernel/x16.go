package kernel

import (
	"encoding/binary"
	"math"
)

// An x16 is a family of packed layouts for formats with 32 columns a block.
// A packed block holds 32 columns of 16 rows; blocks follow each other by
// column, then by group of rows. It takes the bytes of its 16 file blocks:
//
//	SIZE  FIELD
//	  32  scales, 16 f16, or 16 bytes of exponents
//	  32  mins, 16 f16                   (only if mins)
//	  64  fifth bits, 16 lanes           (only if bits = 5)
//	 256  nibbles, 4 quads of 16 lanes   (bits = 4 or 5)
//	 512  int8, 8 quads of 16 lanes      (bits = 8)
//
// A lane is 4 bytes of one row. Byte i of quad j holds column 4j+i; of nibbles,
// the low one is column 4j+i and the high one column 16+4j+i. Bit g of byte i of
// a lane of fifth bits belongs to column 4g+i, so that a shift puts the bits of
// a quad above its nibbles.
//
// The value of an element is scale·(q−zero) + min. With 8 bits q is signed; with
// a table, the table's q-th entry stands in place of q.
type x16 struct {
	asm       assembly
	bits      int // a quantum: 4, 5 or 8
	zero      int // the q that means 0
	mins      bool
	exponents bool // scales are powers of two; see [ExponentScale]
	table     *[16]int8
}

// The routines in use; the dispatcher replaces them.
var (
	packHeadsFast  = packHeadsNever
	packQuantaFast = packQuantaNever
	packK16Fast    = packK16Never
)

func (f *x16) layout(name string) *Layout {
	assemblies[name] = &f.asm
	return &Layout{
		Name:        name,
		Block:       BlockLen,
		Bytes:       f.bytes,
		Pack:        f.pack,
		PackRow:     f.packRow,
		DecodeRow:   f.decodeRow,
		DecodePanel: f.decodePanel,
		X:           Q8,
		MatMul:      f.matMul,
	}
}

// fileBlock returns the bytes of a block in a file: scale, min, fifth bits,
// quanta, each if present.
func (f *x16) fileBlock() int { return f.quanta()/GroupRows + f.bits/4*BlockLen/2 }

// block returns the bytes of a packed block.
func (f *x16) block() int { return f.fileBlock() * GroupRows }

// fifths returns the offset of the fifth bits in a packed block.
func (f *x16) fifths() int {
	switch {
	case f.mins:
		return 64
	case f.exponents:
		return 16
	}
	return 32
}

// quanta returns the offset of the nibbles or int8s in a packed block.
func (f *x16) quanta() int {
	if f.bits == 5 {
		return f.fifths() + 64
	}
	return f.fifths()
}

func groups(rows int) int { return (rows + GroupRows - 1) / GroupRows }

func (f *x16) bytes(rows, cols int) int {
	return groups(rows) * (cols / BlockLen) * f.block()
}

func (f *x16) check(packed []byte, rows, cols, lo, hi int) {
	checkPacked(len(packed), f.bytes(rows, cols), rows, cols, BlockLen, lo, hi)
}

func (f *x16) pack(dst, src []byte, rows, cols, lo, hi int) {
	f.check(dst, rows, cols, lo, hi)
	width := cols / BlockLen * f.fileBlock()
	if len(src) < rows*width {
		panic("kernel: source matrix too short")
	}
	size := width * GroupRows
	for g := lo; g < hi; g++ {
		group := dst[g*size : (g+1)*size]
		n := min(GroupRows, rows-g*GroupRows)
		if n < GroupRows {
			clear(group)
		}
		f.packGroup(group, src[g*size:], width, n)
	}
}

// packGroup packs the first n rows of a group, which are width bytes apart.
func (f *x16) packGroup(group, rows []byte, width, n int) {
	if n < GroupRows || !packHeadsFast(f, group, rows, width) {
		for r := range n {
			f.packHeads(group, rows[r*width:(r+1)*width], r)
		}
	}
	r := packQuantaFast(f, group, rows, width, n)
	for ; r < n; r++ {
		f.packQuanta(group, rows[r*width:(r+1)*width], r)
	}
}

// packHeadsNever is packHeads of all 16 rows of a group, where that is faster than
// row by row: it reports whether it did it.
func packHeadsNever(_ *x16, _, _ []byte, _ int) bool { return false }

// packQuantaNever is packQuanta of as many of the n rows as are faster together. It
// returns how many that are.
func packQuantaNever(_ *x16, _, _ []byte, _, _ int) int { return 0 }

// packRow distributes one row over lane r of its group.
func (f *x16) packRow(group, row []byte, r int) {
	f.packHeads(group, row, r)
	f.packQuanta(group, row, r)
}

// packHeads distributes what comes before the quanta of one row over lane r of
// its group.
func (f *x16) packHeads(group, row []byte, r int) {
	in, out, fifths := f.fileBlock(), f.block(), f.fifths()
	le := binary.LittleEndian
	for ; len(row) >= in && len(group) >= out; row, group = row[in:], group[out:] {
		head := 2
		if f.exponents {
			group[r] = row[0]
			head = 1
		} else {
			le.PutUint16(group[2*r:], le.Uint16(row))
		}
		if f.mins {
			le.PutUint16(group[32+2*r:], le.Uint16(row[2:]))
			head = 4
		}
		if f.bits == 5 {
			le.PutUint32(group[fifths+4*r:], spreadFifths(le.Uint32(row[head:])))
		}
	}
}

// packQuanta distributes the quanta of one row over lane r of its group.
func (f *x16) packQuanta(group, row []byte, r int) {
	in, out, head, quanta := f.fileBlock(), f.block(), f.quanta()/GroupRows, f.quanta()
	for ; len(row) >= in && len(group) >= out; row, group = row[in:], group[out:] {
		packLanes(group[quanta+4*r:out], row[head:in])
	}
}

// packLanes copies 16 or 32 bytes to lanes that are 64 bytes apart.
func packLanes(lanes, quanta []byte) {
	for len(quanta) >= 16 {
		le := binary.LittleEndian
		a, b := le.Uint64(quanta), le.Uint64(quanta[8:])
		out := lanes[:196]
		le.PutUint32(out, uint32(a))
		le.PutUint32(out[64:], uint32(a>>32))
		le.PutUint32(out[128:], uint32(b))
		le.PutUint32(out[192:], uint32(b>>32))
		quanta = quanta[16:]
		if len(quanta) == 0 {
			return
		}
		lanes = lanes[256:]
	}
}

// spreadFifths moves bit 4g+i to bit 8i+g: the index (g₂g₁g₀i₁i₀) becomes
// (i₁i₀g₂g₁g₀) by four exchanges of two index bits.
func spreadFifths(v uint32) uint32 {
	t := (v>>14 ^ v) & 0x0000cccc // index bits 4 and 1
	v ^= t ^ t<<14
	t = (v>>7 ^ v) & 0x00aa00aa // 3 and 0
	v ^= t ^ t<<7
	t = (v>>2 ^ v) & 0x0c0c0c0c // 2 and 1
	v ^= t ^ t<<2
	t = (v>>1 ^ v) & 0x22222222 // 1 and 0
	return v ^ t ^ t<<1
}

// decodeLane writes row r of a packed block as q−zero.
func (f *x16) decodeLane(q *[BlockLen]int8, block []byte, r int) {
	quanta := block[f.quanta()+4*r:]
	if f.bits == 8 {
		for j := range 8 {
			for i, v := range (*[4]byte)(quanta[64*j:]) {
				q[4*j+i] = int8(v)
			}
		}
		return
	}
	zero := int8(f.zero)
	for j := range 4 {
		for i, v := range (*[4]byte)(quanta[64*j:]) {
			q[4*j+i] = int8(v&15) - zero
			q[16+4*j+i] = int8(v>>4) - zero
		}
	}
	if f.table != nil {
		for k, v := range q {
			q[k] = f.table[v]
		}
	}
	if f.bits == 5 {
		fifths := (*[4]byte)(block[f.fifths()+4*r:])
		for k := range q {
			q[k] += int8(fifths[k%4]>>(k/4)&1) << 4
		}
	}
}

// half returns the i-th f16 of b.
func half(b []byte, i int) float32 {
	return HalfToFloat(binary.LittleEndian.Uint16(b[2*i:]))
}

// ExponentScale is 2^(e−128), half of what an E8M0 stands for (Open Compute
// Project 2023, "Microscaling Formats", sect. 5.4.1): levels with a fraction of
// ½ become integers by it. Its 255, which stands for NaN, is 2^127 here, as in
// llama.cpp.
func ExponentScale(e byte) float32 {
	if e < 2 {
		return math.Float32frombits(0x00200000 << e) // subnormal
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

// scale returns the scale of row r of a packed block.
func (f *x16) scale(block []byte, r int) float32 {
	if f.exponents {
		return ExponentScale(block[r])
	}
	return half(block, r)
}

func (f *x16) decodeRow(dst []float32, packed []byte, cols, row int) {
	f.check(packed, row+1, cols, 0, 0)
	for b := range cols / BlockLen {
		f.decodeTo(dst[b*BlockLen:(b+1)*BlockLen], 1, f.at(packed, cols, row/GroupRows, b), row%GroupRows)
	}
}

// decodeTo writes the values of row r of a packed block, stride apart.
func (f *x16) decodeTo(dst []float32, stride int, block []byte, r int) {
	if f.bits == 4 {
		f.decodeNibbles(dst, stride, block, r)
		return
	}
	var q [BlockLen]int8
	f.decodeLane(&q, block, r)
	scale := f.scale(block, r)
	if !f.mins {
		for k, v := range q {
			dst[k*stride] = scale * float32(v)
		}
		return
	}
	low := half(block[32:], r)
	for k, v := range q {
		dst[k*stride] = float32(scale*float32(v)) + low
	}
}

// decodeNibbles is decodeTo for 4 bits: the 16 values that there can be are
// computed once.
func (f *x16) decodeNibbles(dst []float32, stride int, block []byte, r int) {
	var values [16]float32
	scale := f.scale(block, r)
	for q := range values {
		v := q - f.zero
		if f.table != nil {
			v = int(f.table[q])
		}
		values[q] = float32(scale * float32(v))
	}
	if f.mins {
		low := half(block[32:], r)
		for q := range values {
			values[q] += low
		}
	}
	quanta := block[f.quanta()+4*r:]
	for j := range 4 {
		v := binary.LittleEndian.Uint32(quanta[64*j:])
		for k := 4 * j; k < 4*j+4; k++ {
			dst[k*stride], dst[(16+k)*stride] = values[v&15], values[v>>4&15]
			v >>= 8
		}
	}
}

// at returns block b of a group.
func (f *x16) at(packed []byte, cols, group, b int) []byte {
	i, n := group*(cols/BlockLen)+b, f.block()
	return packed[i*n : (i+1)*n]
}

func (f *x16) decodePanel(dst []float32, packed []byte, cols, group int) {
	f.check(packed, (group+1)*GroupRows, cols, 0, 0)
	if len(dst) < cols*GroupRows {
		panic("kernel: DecodePanel: dst shorter than a group")
	}
	blocks := cols / BlockLen
	if !f.asm.decode(dst, packed[group*blocks*f.block():], blocks) {
		f.decodePanelGeneric(dst, packed, cols, group)
	}
}

func (f *x16) decodePanelGeneric(dst []float32, packed []byte, cols, group int) {
	for b := range cols / BlockLen {
		block := f.at(packed, cols, group, b)
		for r := range GroupRows {
			f.decodeTo(dst[b*BlockLen*GroupRows+r:], GroupRows, block, r)
		}
	}
}

func (f *x16) matMul(y []float32, ldy int, x []float32, n int, packed []byte, rows, cols, lo, hi int) {
	f.check(packed, rows, cols, lo, hi)
	blocks := cols / BlockLen
	p := product{y: y, ldy: ldy, x: x, ldx: Q8.Words(cols), n: n,
		w: packed, group: blocks * f.block(), blocks: blocks, rows: rows, lo: lo, hi: hi}
	if !p.run(&f.asm) {
		f.matMulGeneric(&p)
	}
}

// matMulGeneric is, for every row r and activation row i,
//
//	for b := range cols / 32 {
//		isum := Σ_k q[r][b][k]·x[i][b].Q[k]
//		y[i*ldy+r] += (scale[r][b]·x[i][b].D)·isum
//		y[i*ldy+r] += min[r][b]·x[i][b].DSum // only if mins
//	}
//
// where += is a fused multiply-add and (…) is rounded to f32.
func (f *x16) matMulGeneric(p *product) {
	x := blocksIn[Q8Block](p.x)
	var q [GroupRows][BlockLen]int8
	for g := p.lo; g < p.hi; g++ {
		for i := range p.n {
			clear(p.out(i, g))
		}
		for b := range p.blocks {
			block := p.block(g, b)
			for r := range q {
				f.decodeLane(&q[r], block, r)
			}
			for i := range p.n {
				f.addBlock(p.out(i, g), &x[i*p.blocks+b], &q, block)
			}
		}
	}
}

// addBlock adds one block's part of the products with one activation row.
func (f *x16) addBlock(y []float32, x *Q8Block, q *[GroupRows][BlockLen]int8, block []byte) {
	for r := range y {
		scale := float32(f.scale(block, r) * x.D)
		y[r] = fma32(scale, float32(dotInt8(&q[r], &x.Q)), y[r])
		if f.mins {
			y[r] = fma32(half(block[32:], r), x.DSum, y[r])
		}
	}
}

func dotInt8(x, y *[BlockLen]int8) int32 {
	var s int32
	for k, v := range x {
		s += int32(v) * int32(y[k])
	}
	return s
}

// fma32 returns a·b + c, rounded once. The product is exact in float64; the
// sum is rounded to odd, which makes the second rounding, to float32, that of
// the true value (Boldo and Melquiond 2008, "Emulation of FMA and correctly
// rounded sums", theorem 3).
func fma32(a, b, c float32) float32 {
	p, d := float64(float64(a)*float64(b)), float64(c)
	s := p + d
	t := s - p
	rest := (p - (s - t)) + (d - t) // Knuth's TwoSum: p+d = s+rest
	bits := math.Float64bits(s)
	if bits&1 == 0 && (rest > 0 || rest < 0) {
		if (rest > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}
