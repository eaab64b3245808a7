package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// A packedFormat is a layout beside an independent reading of its file format.
type packedFormat struct {
	layout    *Layout
	len, size int   // columns and bytes of a file block
	halves    []int // offsets of its f16
	at        func(block []byte, k int) element
}

// An element is what a block says of one: its value is d·scale·q − dmin·min.
type element struct {
	d, dmin       float32
	scale, min, q int
}

func (e element) value() float32 {
	return float32(float32(e.d*float32(e.scale))*float32(e.q)) - float32(e.dmin*float32(e.min))
}

// packedFormats lists every layout.
var packedFormats = []packedFormat{
	{Q4_0x16, 32, 18, []int{0}, func(b []byte, k int) element {
		return element{d: half(b, 0), scale: 1, q: nibble(b[2:], k) - 8}
	}},
	{Q4_1x16, 32, 20, []int{0, 2}, func(b []byte, k int) element {
		return element{d: half(b, 0), dmin: -half(b, 1), scale: 1, min: 1, q: nibble(b[4:], k)}
	}},
	{Q5_0x16, 32, 22, []int{0}, func(b []byte, k int) element {
		return element{d: half(b, 0), scale: 1, q: nibble(b[6:], k) + fifth(b[2:], k) - 16}
	}},
	{Q5_1x16, 32, 24, []int{0, 2}, func(b []byte, k int) element {
		return element{d: half(b, 0), dmin: -half(b, 1), scale: 1, min: 1, q: nibble(b[8:], k) + fifth(b[4:], k)}
	}},
	{Q8_0x16, 32, 34, []int{0}, func(b []byte, k int) element {
		return element{d: half(b, 0), scale: 1, q: int(int8(b[2+k]))}
	}},
	{IQ4_NLx16, 32, 18, []int{0}, func(b []byte, k int) element {
		return element{d: half(b, 0), scale: 1, q: int(IQ4Levels[nibble(b[2:], k)])}
	}},
	{MXFP4x16, 32, 17, nil, func(b []byte, k int) element {
		e := float32(math.Ldexp(1, int(b[0])-128))
		return element{d: e, scale: 1, q: int(MXFP4Levels[nibble(b[1:], k)])}
	}},
	{Q4_Kx16, 256, 144, []int{0, 2}, func(b []byte, k int) element {
		scale, low := packed6(b[4:], k/32)
		return element{half(b, 0), half(b, 1), scale, low, bitsAt(b[16+k/64*32+k%32], k/32%2*4, 4)}
	}},
	{Q5_Kx16, 256, 176, []int{0, 2}, func(b []byte, k int) element {
		scale, low := packed6(b[4:], k/32)
		q := bitsAt(b[48+k/64*32+k%32], k/32%2*4, 4) + bitsAt(b[16+k%32], k/32, 1)<<4
		return element{half(b, 0), half(b, 1), scale, low, q}
	}},
	{Q6_Kx16, 256, 210, []int{208}, func(b []byte, k int) element {
		low := bitsAt(b[k/128*64+k%64], k/64%2*4, 4)
		high := bitsAt(b[128+k/128*32+k%32], k/32%4*2, 2)
		return element{d: half(b, 104), scale: int(int8(b[192+k/16])), q: low + high<<4 - 32}
	}},
	{Q2_Kx16, 256, 84, []int{80, 82}, func(b []byte, k int) element {
		q := bitsAt(b[16+k/128*32+k%32], k/32%4*2, 2)
		return element{half(b, 40), half(b, 41), bitsAt(b[k/16], 0, 4), bitsAt(b[k/16], 4, 4), q}
	}},
	{Q3_Kx16, 256, 110, []int{108}, func(b []byte, k int) element {
		j := k / 16
		scale := bitsAt(b[96+j%8], j/8*4, 4) + bitsAt(b[104+j%4], j/4*2, 2)<<4 - 32
		q := bitsAt(b[32+k/128*32+k%32], k/32%4*2, 2) + bitsAt(b[k%32], k/32, 1)<<2 - 4
		return element{d: half(b, 54), scale: scale, q: q}
	}},
	{F32x16, 1, 4, []int{1}, func(b []byte, _ int) element {
		return element{d: math.Float32frombits(binary.LittleEndian.Uint32(b)), scale: 1, q: 1}
	}},
	{F16x16, 1, 2, []int{0}, func(b []byte, _ int) element { return element{d: half(b, 0), scale: 1, q: 1} }},
	{BF16x16, 1, 2, []int{0}, func(b []byte, _ int) element {
		return element{d: math.Float32frombits(uint32(b[0])<<16 | uint32(b[1])<<24), scale: 1, q: 1}
	}},
	{BF16Pairsx16, 2, 4, []int{0, 1}, func(b []byte, k int) element {
		return element{d: math.Float32frombits(uint32(b[2*k])<<16 | uint32(b[2*k+1])<<24), scale: 1, q: 1}
	}},
	{IQ4_XSx16, 256, 136, []int{0}, func(b []byte, k int) element {
		j := k / 32
		scale := bitsAt(b[4+j/2], j%2*4, 4) + bitsAt(b[2+j/4], j%4*2, 2)<<4 - 32
		return element{d: half(b, 0), scale: scale, q: int(IQ4Levels[nibble(b[8+16*j:], k%32)])}
	}},
}

func nibble(b []byte, k int) int { return bitsAt(b[k%16], k/16*4, 4) }

func fifth(b []byte, k int) int { return bitsAt(b[k/8], k%8, 1) << 4 }

func bitsAt(b byte, at, n int) int { return int(b) >> at & (1<<n - 1) }

// packed6 returns the j-th of 8 scales and mins of 6 bits in 12 bytes.
func packed6(b []byte, j int) (scale, low int) {
	if j < 4 {
		return bitsAt(b[j], 0, 6), bitsAt(b[j+4], 0, 6)
	}
	return bitsAt(b[j+4], 0, 4) + bitsAt(b[j-4], 6, 2)<<4, bitsAt(b[j+4], 4, 4) + bitsAt(b[j], 6, 2)<<4
}

// used reports whether the tier in use multiplies by the layout, or is the generic one.
func (f *packedFormat) used() bool {
	return f.layout.X != Pairs || fastPairs || current == tierGeneric
}

// usedFormats yields the formats that are used.
func usedFormats(yield func(*packedFormat) bool) {
	for i := range packedFormats {
		if f := &packedFormats[i]; f.used() && !yield(f) {
			return
		}
	}
}

// columns returns the least number of columns from n on that fill blocks.
func (f *packedFormat) columns(n int) int { return (n + f.len - 1) / f.len * f.len }

// row returns row i of a matrix in file order.
func (f *packedFormat) row(m []byte, cols, i int) []byte {
	n := cols / f.len * f.size
	return m[i*n : (i+1)*n]
}

// elements reads a row.
func (f *packedFormat) elements(row []byte, cols int) []element {
	es := make([]element, cols)
	for k := range es {
		es[k] = f.at(row[k/f.len*f.size:][:f.size], k%f.len)
	}
	return es
}

// random returns rows of random blocks whose scales and mins are finite halves:
// some zero, some subnormal, some negative.
func (f *packedFormat) random(r *rand.Rand, rows, cols int) []byte {
	m := make([]byte, rows*cols/f.len*f.size)
	for i := range m {
		m[i] = byte(r.Uint32())
	}
	for at := 0; at < len(m); at += f.size {
		block := m[at : at+f.size]
		if extreme := r.IntN(8); extreme < 2 { // every quantum at an end of its range
			for i := range block {
				block[i] = []byte{0xff, 0x80}[extreme]
			}
		}
		for _, i := range f.halves {
			h := uint16(r.Uint32())
			if h&0x7c00 == 0x7c00 {
				h &^= 0x4000
			}
			if f.layout == BF16x16 || f.layout == BF16Pairsx16 || f.layout == F32x16 {
				h = h&0x87ff | 0x3800 // of magnitude 2⁻¹⁵ to 2
			}
			if r.IntN(8) == 0 {
				h = 0
			}
			binary.LittleEndian.PutUint16(block[i:], h)
		}
	}
	return m
}

// randomActivations returns n rows in a form; some blocks are all ±127, so that
// a saturating sum would show.
func randomActivations(r *rand.Rand, form *Activations, n, cols int) []float32 {
	x := make([]float32, n*cols)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for at := 0; at < len(x); at += form.Len {
		if r.IntN(4) != 0 {
			continue
		}
		same := r.IntN(2) == 0
		for i := range form.Len {
			x[at+i] = 3
			if !same && r.IntN(2) == 0 {
				x[at+i] = -3
			}
		}
	}
	q := make([]float32, form.Words(len(x)))
	form.Quantize(q, x)
	return q
}

// dot multiplies a row, exactly as the layout's family documents.
func (f *packedFormat) dot(row []element, x []float32) float32 {
	switch f.layout.X {
	case Q8:
		return dotQ8(row, blocksIn[Q8Block](x))
	case Wide:
		return f.dotWide(row, blocksIn[Q8Wide](x))
	case Floats:
		return dotFloats(row, x)
	case Pairs:
		return dotPairs(row, x)
	}
	panic("no such form")
}

func dotQ8(row []element, x []Q8Block) float32 {
	var y float32
	for b := range x {
		e, isum := row[b*BlockLen], int32(0)
		for k, v := range x[b].Q {
			isum += int32(row[b*BlockLen+k].q) * int32(v)
		}
		y = fma32(float32(e.d*x[b].D), float32(isum), y)
		if e.min != 0 {
			y = fma32(-e.dmin, float32(x[b].D*float32(x[b].Sum)), y)
		}
	}
	return y
}

func (f *packedFormat) dotWide(row []element, x []Q8Wide) float32 {
	var y float32
	for b := range x {
		e, isum, msum := element{}, int32(0), int32(0)
		for k := range WideLen {
			v := x[b].At(k)
			e = row[b*WideLen+k]
			isum += int32(e.scale) * int32(e.q) * int32(v)
			msum += int32(e.min) * int32(v)
		}
		y = fma32(float32(e.d*x[b].D), float32(isum), y)
		if len(f.halves) == 2 {
			y = fma32(-float32(e.dmin*x[b].D), float32(msum), y)
		}
	}
	return y
}

func dotFloats(row []element, x []float32) float32 {
	var y float32
	for k, e := range row {
		if w := e.value(); current == tierGeneric {
			y += float32(w * x[k])
		} else {
			y = fma32(w, x[k], y)
		}
	}
	return y
}

// dotPairs multiplies as [MulBlockPairs] does, in whose order the tier adds.
func dotPairs(row []element, x []float32) float32 {
	panel, a := make([]float32, len(x)*PanelWidth), Dense(make([]float32, BlockRows*len(x)), BlockRows, len(x))
	for p := range x {
		panel[p*PanelWidth] = pair(row[2*p].value(), row[2*p+1].value())
	}
	copy(a.Data, x)
	var y [1]float32
	MulBlockPairs(y[:], 1, 1, a, panel, 0, 1, false)
	return y[0]
}

func pack(l *Layout, m []byte, rows, cols int) []byte {
	p := make([]byte, l.Bytes(rows, cols))
	l.Pack(p, m, rows, cols, 0, groups(rows))
	return p
}
