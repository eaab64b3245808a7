package kernel

import (
	"encoding/binary"
)

// A half16 is a family of packed layouts for floats of 16 bits: of a group, the
// 16 rows' elements of column 0, then of column 1, and so on. MatMul multiplies
// f32.
type half16 struct {
	asm   assembly
	value func(h uint16) float32
	widen func(dst []float32, src []byte)
}

// halfColumns are the columns of a block, which assembly takes at a time.
const halfColumns = 8

// Floats is the form of activations that are left as they are.
var Floats = &Activations{Len: 1, Size: 1, Quantize: func(dst, x []float32) { copy(dst, x) }}

func (f *half16) layout(name string) *Layout {
	assemblies[name] = &f.asm
	return &Layout{
		Name:        name,
		Block:       halfColumns,
		Bytes:       f.bytes,
		Pack:        f.pack,
		DecodeRow:   f.decodeRow,
		DecodePanel: f.decodePanel,
		X:           Floats,
		MatMul:      f.matMul,
	}
}

func (f *half16) bytes(rows, cols int) int { return groups(rows) * cols * 2 * GroupRows }

func (f *half16) check(packed []byte, rows, cols, lo, hi int) {
	checkPacked(len(packed), f.bytes(rows, cols), rows, cols, halfColumns, lo, hi)
}

func (f *half16) pack(dst, src []byte, rows, cols, lo, hi int) {
	f.check(dst, rows, cols, lo, hi)
	if len(src) < rows*cols*2 {
		panic("kernel: source matrix too short")
	}
	size := cols * 2 * GroupRows
	for g := lo; g < hi; g++ {
		group := dst[g*size : (g+1)*size]
		for r := 0; r < GroupRows; r += 4 {
			var four [4][]byte
			for i := range four {
				if row := g*GroupRows + r + i; row < rows {
					four[i] = src[row*cols*2 : (row+1)*cols*2]
				}
			}
			packFour(group[2*r:], four, cols)
		}
	}
}

// packFour packs four rows, those that are nil as zeros, 2·GroupRows bytes a
// column.
func packFour(dst []byte, rows [4][]byte, cols int) {
	le := binary.LittleEndian
	for k := 0; k < cols; k += 4 {
		var v [4]uint64 // a row's next 4 columns
		for i, row := range rows {
			if row != nil {
				v[i] = le.Uint64(row[2*k:])
			}
		}
		out := dst[2*GroupRows*k:]
		for i := range 4 {
			at := 16 * i
			le.PutUint64(out[2*GroupRows*i:], v[0]>>at&0xffff|v[1]>>at&0xffff<<16|v[2]>>at&0xffff<<32|v[3]>>at<<48)
		}
	}
}

func (f *half16) decodeRow(dst []float32, packed []byte, cols, row int) {
	f.check(packed, row+1, cols, 0, 0)
	at := row/GroupRows*cols*2*GroupRows + row%GroupRows*2
	for k := range dst[:cols] {
		dst[k] = f.value(binary.LittleEndian.Uint16(packed[at+2*GroupRows*k:]))
	}
}

func (f *half16) decodePanel(dst []float32, packed []byte, cols, group int) {
	f.check(packed, (group+1)*GroupRows, cols, 0, 0)
	if len(dst) < cols*GroupRows {
		panic("kernel: DecodePanel: dst shorter than a group")
	}
	n := cols * GroupRows
	f.widen(dst[:n], packed[2*n*group:2*n*(group+1)])
}

func (f *half16) matMul(y []float32, ldy int, x []float32, n int, packed []byte, rows, cols, lo, hi int) {
	f.check(packed, rows, cols, lo, hi)
	p := product{y: y, ldy: ldy, x: x, ldx: cols, n: n,
		w: packed, group: cols * 2 * GroupRows, blocks: cols / halfColumns, rows: rows, lo: lo, hi: hi}
	if !p.run(&f.asm) {
		f.matMulGeneric(&p)
	}
}

// matMulGeneric is, for every row r and activation row i,
//
//	for k := range cols { y[i*ldy+r] += x[i][k]·w[r][k] }
//
// The assembly fuses the addition; here the product is rounded first.
func (f *half16) matMulGeneric(p *product) {
	var w [GroupRows]float32
	for g := p.lo; g < p.hi; g++ {
		for i := range p.n {
			clear(p.out(i, g))
		}
		group := p.w[g*p.group : (g+1)*p.group]
		for k := range p.ldx {
			for r := range w {
				w[r] = f.value(binary.LittleEndian.Uint16(group[2*(GroupRows*k+r):]))
			}
			for i := range p.n {
				x := p.x[i*p.ldx+k]
				y := p.out(i, g)
				for r := range y {
					y[r] += float32(x * w[r])
				}
			}
		}
	}
}
