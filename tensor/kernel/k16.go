package kernel

import (
	"encoding/binary"
	"slices"
)

// A k16 is a family of packed layouts for formats with 256 columns a block, in
// sub-blocks whose scales are small integers. A packed block holds 256 columns
// of 16 rows; blocks follow each other by column, then by group of rows. It
// takes the bytes of its 16 file blocks, in iq4_xs 32 more:
//
//	SIZE  FIELD
//	  32  for each half: 16 lanes of 2 bytes
//	  64  for each word: 16 lanes of 4 bytes
//
// The first half is d, an f16, the second dmin. The words are those of scales
// and mins, then those of quanta, in steps of columns. Columns come in chunks of
// 32, and those in quads of 4, of which byte i of a word belongs to the i-th.
//
// The value of an element is d·scale·(q−zero) − dmin·min, the scale and the min
// those of its sub-block; the last term only if there are mins.
type k16 struct {
	asm  assembly
	file int // bytes of a block in a file
	sub  int // columns a scale: 16 or 32
	zero int // the q that means 0

	halves []int   // where in a file's block each half is
	words  []int   // and each word, or made
	fours  []fours // the words that are not made

	// make returns the words that are made, in their order, of what a file's block
	// has from byte raw on.
	make func(file []byte) [8]uint32
	raw  int

	// Four scales at a time, and four mins, are bytes of a word, made up of
	// parts. below is what the scales are above their values.
	scale, min [][]part
	below      int

	scales    int // words of scales and mins
	step      int // columns
	low, high bits

	table *[16]int8 // what q is an index of, if not nil
}

// made stands for a word that is not one of the file's.
const made = -1

// fours are four words that follow each other in a file's block and in a packed
// one: the bytes at which they begin in the one, and in the other. If the third
// number is not 0, the first word only makes up the four.
type fours [3]int

// A part is bits of a word of scales: shifted right, or left if shift < 0, and
// masked.
type part struct {
	word, shift int
	mask        uint32
}

// bits say where in a step's words bits of quanta lie: for quad q of chunk c,
// count bits from bit shift of every byte of a word, to become bit place of the
// quanta.
type bits struct {
	count, place int
	at           func(c, q int) (word, shift int)
}

// scale6 and min6 are the 8 scales and mins of 6 bits that q4_k and q5_k have in
// 3 words: bits 0–5 of word 0's bytes are scales 0–3, of word 1's mins 0–3; bits
// 0–3 of word 2's are the low ones of scales 4–7, bits 4–7 of mins 4–7, whose
// upper 2 are left over in words 0 and 1.
var (
	scale6 = [][]part{{{0, 0, 0x3f3f3f3f}}, {{2, 0, 0x0f0f0f0f}, {0, 2, 0x30303030}}}
	min6   = [][]part{{{1, 0, 0x3f3f3f3f}}, {{2, 4, 0x0f0f0f0f}, {1, 2, 0x30303030}}}
)

// span lists n words of a file's block, from a byte on.
func span(from, n int) []int {
	words := make([]int, n)
	for i := range words {
		words[i] = from + 4*i
	}
	return words
}

// A kBlock is one row's block as integers. q has had its zero subtracted, and
// scale what it is above its value.
type kBlock struct {
	q          [WideLen]int8
	scale, min [WideLen / 16]int8
	d, dmin    float32
}

func (f *k16) layout(name string) *Layout {
	assemblies[name] = &f.asm
	f.listFours()
	return &Layout{
		Name:        name,
		Block:       WideLen,
		Bytes:       f.bytes,
		Pack:        f.pack,
		DecodeRow:   f.decodeRow,
		DecodePanel: f.decodePanel,
		X:           Wide,
		MatMul:      f.matMul,
	}
}

// listFours lists the words of the file in fours. A run of them may end in three,
// which the word before makes four.
func (f *k16) listFours() {
	for i := 0; i < len(f.words); {
		from, n := f.words[i], 1
		for n < 4 && i+n < len(f.words) && f.words[i+n] == from+4*n {
			n++
		}
		at := f.wordsAt() + 64*i
		switch {
		case from == made:
		case n == 4:
			f.fours = append(f.fours, fours{from, at, 0})
		case n == 3:
			f.fours = append(f.fours, fours{from - 4, at - 64, 1})
		default:
			panic("kernel: a run of words that does not end in three or four")
		}
		i += n
	}
	slices.SortFunc(f.fours, func(a, b fours) int { return a[0] - b[0] }) // rows are read forward
}

// wordsAt returns where a packed block's words begin.
func (f *k16) wordsAt() int { return 2 * GroupRows * len(f.halves) }

// block returns the bytes of a packed block.
func (f *k16) block() int { return GroupRows * (2*len(f.halves) + 4*len(f.words)) }

func (f *k16) bytes(rows, cols int) int { return groups(rows) * (cols / WideLen) * f.block() }

func (f *k16) check(packed []byte, rows, cols, lo, hi int) {
	checkPacked(len(packed), f.bytes(rows, cols), rows, cols, WideLen, lo, hi)
}

func (f *k16) pack(dst, src []byte, rows, cols, lo, hi int) {
	f.check(dst, rows, cols, lo, hi)
	width := cols / WideLen * f.file
	if len(src) < rows*width {
		panic("kernel: source matrix too short")
	}
	size := cols / WideLen * f.block()
	for g := lo; g < hi; g++ {
		group := dst[g*size : (g+1)*size]
		n := min(GroupRows, rows-g*GroupRows)
		if n < GroupRows {
			clear(group)
		}
		f.packGroup(group, src[g*GroupRows*width:], width, n)
	}
}

// packGroup packs the first n rows of a group, which are width bytes apart.
func (f *k16) packGroup(group, rows []byte, width, n int) {
	if n == GroupRows && packK16Fast(f, group, rows, width) {
		return
	}
	for r := range n {
		f.packRow(group, rows[r*width:(r+1)*width], r)
	}
}

// packK16Never is packing of all 16 rows of a group, where that is faster than row by
// row. It reports false: it is not.
func packK16Never(_ *k16, _, _ []byte, _ int) bool { return false }

// packRow distributes the blocks of one row over lane r of its group.
func (f *k16) packRow(group, row []byte, r int) {
	le := binary.LittleEndian
	for ; len(row) >= f.file; row, group = row[f.file:], group[f.block():] {
		for i, from := range f.halves {
			le.PutUint16(group[32*i+2*r:], le.Uint16(row[from:]))
		}
		var words [8]uint32
		if f.make != nil {
			words = f.make(row[f.raw:])
		}
		lane, n := group[f.wordsAt()+4*r:], 0
		for i, from := range f.words {
			if from == made {
				le.PutUint32(lane[64*i:], words[n])
				n++
				continue
			}
			le.PutUint32(lane[64*i:], le.Uint32(row[from:]))
		}
	}
}

// lane reads row r of a packed block.
func (f *k16) lane(b *kBlock, block []byte, r int) {
	b.d = half(block, r)
	if f.min != nil {
		b.dmin = half(block[32:], r)
	}
	var words [52]uint32
	for i := range f.words {
		words[i] = binary.LittleEndian.Uint32(block[f.wordsAt()+64*i+4*r:])
	}
	readScales(b.scale[:], &words, f.scale, int8(f.below))
	readScales(b.min[:], &words, f.min, 0)
	chunks := f.step / 32 // a step
	size := (len(f.words) - f.scales) * f.step / WideLen
	for c := range WideLen / 32 {
		step := words[f.scales+c/chunks*size:]
		for q := range 8 {
			word, shift := f.low.at(c%chunks, q)
			v := f.low.take(step[word], shift)
			if f.high.count > 0 {
				word, shift = f.high.at(c%chunks, q)
				v |= f.high.take(step[word], shift)
			}
			for i := range 4 {
				b.q[32*c+4*q+i] = f.level(byte(v >> (8 * i)))
			}
		}
	}
}

// level returns what q stands for.
func (f *k16) level(q byte) int8 {
	if f.table != nil {
		return f.table[q]
	}
	return int8(q) - int8(f.zero)
}

// take returns the bits of a word in their place.
func (b *bits) take(word uint32, shift int) uint32 {
	mask := (uint32(1)<<b.count - 1) * 0x01010101
	return word >> shift & mask << b.place
}

// readScales reads scales or mins, less below.
func readScales(dst []int8, words *[52]uint32, groups [][]part, below int8) {
	for g, parts := range groups {
		var v uint32
		for _, p := range parts {
			v |= (words[p.word] >> max(p.shift, 0) << max(-p.shift, 0)) & p.mask
		}
		for i := range 4 {
			dst[4*g+i] = int8(v>>(8*i)) - below
		}
	}
}

func (f *k16) decodeRow(dst []float32, packed []byte, cols, row int) {
	f.check(packed, row+1, cols, 0, 0)
	var lane kBlock
	blocks := cols / WideLen
	for b := range blocks {
		f.lane(&lane, packed[(row/GroupRows*blocks+b)*f.block():], row%GroupRows)
		f.decodeTo(dst[b*WideLen:(b+1)*WideLen], 1, &lane)
	}
}

// decodeTo writes the values of a row's block, stride apart.
func (f *k16) decodeTo(dst []float32, stride int, b *kBlock) {
	for j := range WideLen / f.sub {
		scale, low := b.d*float32(b.scale[j]), float32(b.dmin*float32(b.min[j]))
		for k, q := range b.q[j*f.sub : (j+1)*f.sub] {
			v := float32(scale * float32(q))
			if f.min != nil {
				v -= low
			}
			dst[(j*f.sub+k)*stride] = v
		}
	}
}

func (f *k16) decodePanel(dst []float32, packed []byte, cols, group int) {
	f.check(packed, (group+1)*GroupRows, cols, 0, 0)
	if len(dst) < cols*GroupRows {
		panic("kernel: DecodePanel: dst shorter than a group")
	}
	blocks := cols / WideLen
	w := packed[group*blocks*f.block():]
	if !f.asm.decode(dst, w, blocks) {
		f.decodePanelGeneric(dst, w, blocks)
	}
}

func (f *k16) decodePanelGeneric(dst []float32, w []byte, blocks int) {
	var lane kBlock
	for b := range blocks {
		for r := range GroupRows {
			f.lane(&lane, w[b*f.block():], r)
			f.decodeTo(dst[b*WideLen*GroupRows+r:], GroupRows, &lane)
		}
	}
}

func (f *k16) matMul(y []float32, ldy int, x []float32, n int, packed []byte, rows, cols, lo, hi int) {
	f.check(packed, rows, cols, lo, hi)
	blocks := cols / WideLen
	p := product{y: y, ldy: ldy, x: x, ldx: Wide.Words(cols), n: n,
		w: packed, group: blocks * f.block(), blocks: blocks, rows: rows, lo: lo, hi: hi}
	if !p.run(&f.asm) {
		f.matMulGeneric(&p)
	}
}

// matMulGeneric is, for every row r and activation row i, with the sub-blocks j
// of a block,
//
//	for b := range cols / 256 {
//		isum := Σ_j scale[r][b][j]·Σ_k q[r][b][j][k]·x[i][b][j][k]
//		msum := Σ_j min[r][b][j]·Σ_k x[i][b][j][k]
//		y[i*ldy+r] += (d[r][b]·x[i][b].D)·isum
//		y[i*ldy+r] -= (dmin[r][b]·x[i][b].D)·msum // only if mins
//	}
//
// where += and -= are fused multiply-adds, (…) is rounded to f32, and the sums
// are integers before they are rounded to f32.
func (f *k16) matMulGeneric(p *product) {
	x := blocksIn[Q8Wide](p.x)
	var lanes [GroupRows]kBlock
	for g := p.lo; g < p.hi; g++ {
		for i := range p.n {
			clear(p.out(i, g))
		}
		for b := range p.blocks {
			block := p.block(g, b)
			for r := range lanes {
				f.lane(&lanes[r], block, r)
			}
			for i := range p.n {
				f.addBlock(p.out(i, g), &x[i*p.blocks+b], &lanes)
			}
		}
	}
}

// addBlock adds one block's part of the products with one activation row.
func (f *k16) addBlock(y []float32, x *Q8Wide, lanes *[GroupRows]kBlock) {
	for r := range y {
		l := &lanes[r]
		var isum, msum int32
		for j := range WideLen / f.sub {
			var s, sx int32
			q := l.q[j*f.sub : (j+1)*f.sub]
			for k := range q {
				v := x.At(j*f.sub + k)
				s += int32(v) * int32(q[k])
				sx += int32(v)
			}
			isum += int32(l.scale[j]) * s
			msum += int32(l.min[j]) * sx
		}
		y[r] = fma32(float32(l.d*x.D), float32(isum), y[r])
		if f.min != nil {
			y[r] = fma32(float32(-l.dmin*x.D), float32(msum), y[r])
		}
	}
}

// gatherBits returns 8 words, whose byte i has in bit k what belongs to column
// 32k+4g+i, g being the word, turned into words whose byte i has it in bit g, k
// being the word: of each byte's bits, the transpose.
func gatherBits(file []byte) (w [8]uint32) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(file[4*i:])
	}
	swap := func(i, j, shift int, mask uint32) {
		t := (w[i]>>shift ^ w[j]) & mask
		w[j] ^= t
		w[i] ^= t << shift
	}
	for i := range 4 {
		swap(i, i+4, 4, 0x0f0f0f0f)
	}
	for _, i := range [...]int{0, 1, 4, 5} {
		swap(i, i+2, 2, 0x33333333)
	}
	for i := 0; i < 8; i += 2 {
		swap(i, i+1, 1, 0x55555555)
	}
	return w
}
