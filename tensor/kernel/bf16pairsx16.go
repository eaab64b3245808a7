package kernel

import "sync"

// BF16Pairsx16 interleaves format bf16 by pairs: of a group, the 16 rows' columns 0 and 1,
// then 2 and 3, and so on, which are panels of [MulBlockPairs]. MatMul multiplies
// activations rounded to bf16, with its bits.
var BF16Pairsx16 = bf16PairsLayout("bf16pairsx16")

// bf16Pairs is what that layout has of assembly beside the products of pairs.
var bf16Pairs assembly

func bf16PairsLayout(name string) *Layout {
	assemblies[name] = &bf16Pairs
	return &Layout{
		Name:        name,
		Block:       Pairs.Len,
		Bytes:       func(rows, cols int) int { return groups(rows) * pairsGroup(cols) },
		Pack:        packBF16Pairs,
		DecodeRow:   decodeBF16PairsRow,
		DecodePanel: decodeBF16PairsPanel,
		X:           Pairs,
		MatMul:      matMulBF16Pairs,
	}
}

// pairsGroup returns the bytes of a group.
func pairsGroup(cols int) int { return f32Group(cols / Pairs.Len) }

// packBF16Pairs packs as f32 what two columns are in memory.
func packBF16Pairs(dst, src []byte, rows, cols, lo, hi int) {
	size := pairsGroup(cols)
	checkPacked(len(dst), groups(rows)*size, rows, cols, Pairs.Len, lo, hi)
	PackPanels(FloatsIn(dst[lo*size:hi*size]), Dense(FloatsIn(src), rows, cols/Pairs.Len).T(), lo, hi)
}

func decodeBF16PairsRow(dst []float32, packed []byte, cols, row int) {
	size := pairsGroup(cols)
	checkPacked(len(packed), groups(row+1)*size, row+1, cols, Pairs.Len, 0, 0)
	panel := f32Panel(packed, cols/Pairs.Len, row/GroupRows)
	for p := range cols / Pairs.Len {
		dst[2*p], dst[2*p+1] = unpair(panel[p*GroupRows+row%GroupRows])
	}
}

func decodeBF16PairsPanel(dst []float32, packed []byte, cols, group int) {
	size := pairsGroup(cols)
	checkPacked(len(packed), (group+1)*size, (group+1)*GroupRows, cols, Pairs.Len, 0, 0)
	if len(dst) < cols*GroupRows {
		panic("kernel: DecodePanel: dst shorter than a group")
	}
	panel := packed[group*size:][:size]
	if bf16Pairs.decode(dst, panel, cols/Pairs.Len) {
		return
	}
	for i, pair := range FloatsIn(panel) {
		at := i/GroupRows*2*GroupRows + i%GroupRows
		dst[at], dst[at+GroupRows] = unpair(pair)
	}
}

func matMulBF16Pairs(y []float32, ldy int, x []float32, n int, packed []byte, rows, cols, lo, hi int) {
	size := pairsGroup(cols)
	checkPacked(len(packed), groups(rows)*size, rows, cols, Pairs.Len, lo, hi)
	if n == 0 || lo == hi {
		return
	}
	p := product{y: y, ldy: ldy, x: x, ldx: cols / Pairs.Len, n: n, w: packed, group: size, rows: rows, lo: lo, hi: hi}
	p.check()
	whole := max(lo, min(hi, rows/GroupRows))
	p.wholePairs(lo, whole)
	if whole < hi {
		p.lastPairs(whole)
	}
}

// pairsAhead is how far ahead products of few rows ask for weights.
const pairsAhead = 4096

// strips returns the groups lo to hi as strips of pairs.
func (p *product) strips(lo, hi int) Strips {
	s := Strips{Data: p.w[lo*p.group : hi*p.group], Apart: p.group, N: hi - lo}
	if at := lo*p.group + pairsAhead; at < len(p.w) {
		s.Ahead = p.w[at:]
	}
	return s
}

// wholePairs computes the groups lo to hi, which are whole: of many activation rows in blocks,
// whose rows have to be there in full, and of those left, or of few, in strips.
func (p *product) wholePairs(lo, hi int) {
	if lo == hi {
		return
	}
	y, blocks := p.y[lo*GroupRows:], 0
	if p.n > FewRows {
		blocks = p.n / (2 * BlockRows) * (2 * BlockRows)
		mulPairBlocks(y, p.ldy, Dense(p.x, blocks, p.ldx).blocks(), FloatsIn(p.w[lo*p.group:hi*p.group]), p.group/wordBytes, (hi-lo)*GroupRows, false)
	}
	if blocks < p.n {
		mulPairStrips(y[blocks*p.ldy:], p.ldy, Dense(p.x[blocks*p.ldx:], p.n-blocks, p.ldx), p.strips(lo, hi))
	}
}

// A wholeGroup holds the outputs of a group and of few rows, those of padding too. The stack
// cannot: which routine writes them is the tier's, and the compiler has them escape.
type wholeGroup [FewRows * GroupRows]float32

var wholeGroups = sync.Pool{New: func() any { return new(wholeGroup) }}

// lastPairs computes the last group, some of whose rows are padding.
func (p *product) lastPairs(group int) {
	whole := wholeGroups.Get().(*wholeGroup)
	defer wholeGroups.Put(whole)
	last := p.strips(group, group+1)
	for i := 0; i < p.n; i += FewRows {
		n := min(FewRows, p.n-i)
		mulPairStrips(whole[:], GroupRows, Dense(p.x[i*p.ldx:], n, p.ldx), last)
		for r := range n {
			copy(p.out(i+r, group), whole[r*GroupRows:])
		}
	}
}
