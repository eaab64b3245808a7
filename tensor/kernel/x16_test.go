package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// packedFormats lists every layout beside an independent reading of its file
// format: value of element k of a block.
var packedFormats = []struct {
	layout *Layout
	size   int
	value  func(block []byte, k int) float32
}{
	{Q4_0x16, 18, func(b []byte, k int) float32 {
		return half(b, 0) * float32(nibble(b[2:], k)-8)
	}},
	{Q4_1x16, 20, func(b []byte, k int) float32 {
		return half(b, 0)*float32(nibble(b[4:], k)) + half(b, 1)
	}},
	{Q5_0x16, 22, func(b []byte, k int) float32 {
		return half(b, 0) * float32(nibble(b[6:], k)+fifth(b[2:], k)-16)
	}},
	{Q5_1x16, 24, func(b []byte, k int) float32 {
		return half(b, 0)*float32(nibble(b[8:], k)+fifth(b[4:], k)) + half(b, 1)
	}},
	{Q8_0x16, 34, func(b []byte, k int) float32 {
		return half(b, 0) * float32(int8(b[2+k]))
	}},
}

func nibble(b []byte, k int) int { return int(b[k%16]>>(k/16*4)) & 15 }

func fifth(b []byte, k int) int { return int(b[k/8]>>(k%8)&1) << 4 }

// randomMatrix returns rows of random blocks whose scales and mins are finite
// halves: some zero, some subnormal, some negative.
func randomMatrix(r *rand.Rand, size, rows, cols int) []byte {
	m := make([]byte, rows*cols/BlockLen*size)
	for i := range m {
		m[i] = byte(r.Uint32())
	}
	for at := 0; at < len(m); at += size {
		for i := range 2 { // the second is a min or quanta
			h := uint16(r.Uint32())
			if h&0x7c00 == 0x7c00 {
				h &^= 0x4000
			}
			binary.LittleEndian.PutUint16(m[at+2*i:], h)
		}
		switch r.IntN(8) {
		case 0:
			binary.LittleEndian.PutUint16(m[at:], 0)
		case 1: // every quantum at its extreme
			for i := 8; i < size; i++ {
				m[at+i] = 0xff
			}
		case 2:
			for i := 8; i < size; i++ {
				m[at+i] = 0x80
			}
		}
	}
	return m
}

// randomActivations returns n quantized rows; some blocks are all ±127, so that
// a saturating sum would show.
func randomActivations(r *rand.Rand, n, cols int) []Q8Block {
	x := make([]float32, n*cols)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for at := 0; at < len(x); at += BlockLen {
		if r.IntN(4) != 0 {
			continue
		}
		same := r.IntN(2) == 0
		for i := range BlockLen {
			x[at+i] = 3
			if !same && r.IntN(2) == 0 {
				x[at+i] = -3
			}
		}
	}
	q := make([]Q8Block, len(x)/BlockLen)
	QuantizeRow(q, x)
	return q
}

func pack(l *Layout, m []byte, rows, cols int) []byte {
	p := make([]byte, l.Bytes(rows, cols))
	l.Pack(p, m, rows, cols, 0, groups(rows))
	return p
}

var shapes = [][2]int{{1, 32}, {15, 64}, {16, 32}, {17, 96}, {33, 576}, {48, 1536}, {50, 2048}}

func TestPackDecodes(t *testing.T) { eachTier(t, testPackDecodes) }

func testPackDecodes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, f := range packedFormats {
		for _, s := range shapes {
			rows, cols := s[0], s[1]
			m := randomMatrix(r, f.size, rows, cols)
			p := pack(f.layout, m, rows, cols)
			want := make([]float32, groups(rows)*GroupRows*cols)
			for i := range rows * cols {
				want[i] = f.value(m[i/BlockLen*f.size:][:f.size], i%BlockLen)
			}
			row := make([]float32, cols)
			for i := range rows {
				f.layout.DecodeRow(row, p, cols, i)
				equalFloats(t, fmt.Sprintf("%s %v row %d", f.layout.Name, s, i), row, want[i*cols:(i+1)*cols])
			}
			panel := guarded(cols * GroupRows)
			for g := range groups(rows) {
				f.layout.DecodePanel(panel, p, cols, g)
				checkGuard(t, panel)
				for i := range GroupRows {
					for k := range row {
						row[k] = panel[k*GroupRows+i]
					}
					at := (g*GroupRows + i) * cols
					equalFloats(t, fmt.Sprintf("%s %v panel %d lane %d", f.layout.Name, s, g, i), row, want[at:at+cols])
				}
			}
		}
	}
}

func TestPackRange(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	const rows, cols = 75, 96
	for _, f := range packedFormats {
		m := randomMatrix(r, f.size, rows, cols)
		want := pack(f.layout, m, rows, cols)
		got := make([]byte, len(want))
		for i := range got {
			got[i] = 0xa5 // Pack writes every byte of its groups
		}
		for _, span := range [][2]int{{3, 5}, {0, 1}, {1, 3}} {
			f.layout.Pack(got, m, rows, cols, span[0], span[1])
		}
		if string(got) != string(want) {
			t.Errorf("%s: packing by ranges differs from packing at once", f.layout.Name)
		}
	}
}

// heights are those of every tile and of sums of them.
var heights = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 16, 17, 25, 33}

// TestMatMulIsTheLoop compares MatMul, bit for bit, with the loop in
// matMulGeneric's comment, written out over file blocks.
func TestMatMulIsTheLoop(t *testing.T) { eachTier(t, testMatMulIsTheLoop) }

func testMatMulIsTheLoop(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, f := range packedFormats {
		for _, s := range shapes {
			rows, cols := s[0], s[1]
			m := randomMatrix(r, f.size, rows, cols)
			p := pack(f.layout, m, rows, cols)
			tallest := heights[len(heights)-1]
			x := randomActivations(r, tallest, cols)
			want := make([]float32, tallest*rows)
			for i := range want {
				want[i] = referenceDot(f.size, f.layout, m[i%rows*(cols/BlockLen)*f.size:], x[i/rows*(cols/BlockLen):], cols)
			}
			for _, n := range heights {
				got := guarded(n * rows)
				f.layout.MatMul(got, rows, x, n, p, rows, cols, 0, groups(rows))
				equalFloats(t, fmt.Sprintf("%s %v n=%d", f.layout.Name, s, n), got, want[:n*rows])
				checkGuard(t, got)
			}
		}
	}
}

// referenceDot multiplies a row in file order, exactly as documented.
func referenceDot(size int, l *Layout, row []byte, x []Q8Block, cols int) float32 {
	var y float32
	for b := range cols / BlockLen {
		block, a := row[b*size:(b+1)*size], &x[b]
		var isum int32
		for k, v := range a.Q {
			q := 0
			switch l {
			case Q4_0x16:
				q = nibble(block[2:], k) - 8
			case Q4_1x16:
				q = nibble(block[4:], k)
			case Q5_0x16:
				q = nibble(block[6:], k) + fifth(block[2:], k) - 16
			case Q5_1x16:
				q = nibble(block[8:], k) + fifth(block[4:], k)
			case Q8_0x16:
				q = int(int8(block[2+k]))
			}
			isum += int32(q) * int32(v)
		}
		y = fma32(float32(half(block, 0)*a.D), float32(isum), y)
		if l == Q4_1x16 || l == Q5_1x16 {
			y = fma32(half(block, 1), float32(a.D*float32(a.Sum)), y)
		}
	}
	return y
}

// TestMatMulSplits computes a product by pieces of rows, groups and a wider y.
func TestMatMulSplits(t *testing.T) { eachTier(t, testMatMulSplits) }

func testMatMulSplits(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	const rows, cols, n, ldy = 71, 160, 13, 80
	for _, f := range packedFormats {
		p := pack(f.layout, randomMatrix(r, f.size, rows, cols), rows, cols)
		x := randomActivations(r, n, cols)
		want := make([]float32, n*rows)
		f.layout.MatMul(want, rows, x, n, p, rows, cols, 0, groups(rows))

		got := guarded(n * ldy)
		for i := range got {
			got[i] = poison
		}
		for i := 0; i < n; {
			step := min(1+r.IntN(6), n-i)
			for lo := 0; lo < groups(rows); {
				hi := min(lo+1+r.IntN(3), groups(rows))
				f.layout.MatMul(got[i*ldy:], ldy, x[i*cols/BlockLen:], step, p, rows, cols, lo, hi)
				lo = hi
			}
			i += step
		}
		checkGuard(t, got)
		for i := range n {
			equalFloats(t, fmt.Sprintf("%s row %d", f.layout.Name, i), got[i*ldy:i*ldy+rows], want[i*rows:(i+1)*rows])
			for _, v := range got[i*ldy+rows : (i+1)*ldy] {
				if v != poison {
					t.Fatalf("%s: MatMul wrote beyond its rows", f.layout.Name)
				}
			}
		}
	}
}

func TestMatMulPoisonedActivations(t *testing.T) { eachTier(t, testMatMulPoisonedActivations) }

func testMatMulPoisonedActivations(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	for _, f := range packedFormats {
		p := pack(f.layout, randomMatrix(r, f.size, 16, 64), 16, 64)
		v := make([]float32, 64)
		v[40] = float32(math.Inf(-1))
		x := make([]Q8Block, 2)
		QuantizeRow(x, v)
		y := make([]float32, 16)
		f.layout.MatMul(y, 16, x, 1, p, 16, 64, 0, 1)
		for i, v := range y {
			if v == v {
				t.Errorf("%s: output %d is %g though an activation is infinite", f.layout.Name, i, v)
			}
		}
	}
}

func TestMatMulDoesNotAllocate(t *testing.T) { eachTier(t, testMatMulDoesNotAllocate) }

func testMatMulDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	const rows, cols, n = 37, 64, 7
	for _, f := range packedFormats {
		p := pack(f.layout, randomMatrix(r, f.size, rows, cols), rows, cols)
		x := randomActivations(r, n, cols)
		y, v := make([]float32, n*rows), make([]float32, cols)
		panel := make([]float32, cols*GroupRows)
		if a := testing.AllocsPerRun(10, func() {
			QuantizeRow(x, v)
			f.layout.MatMul(y, rows, x, n, p, rows, cols, 0, groups(rows))
			f.layout.DecodeRow(v, p, cols, 20)
			f.layout.DecodePanel(panel, p, cols, 2)
		}); a != 0 {
			t.Errorf("%s: %v allocations", f.layout.Name, a)
		}
	}
}

func TestMatMulRejectsShortSlices(t *testing.T) { eachTier(t, testMatMulRejectsShortSlices) }

func testMatMulRejectsShortSlices(t *testing.T) {
	l := Q4_0x16
	packed, x, y := make([]byte, l.Bytes(16, 64)), make([]Q8Block, 4), make([]float32, 32)
	for name, call := range map[string]func(){
		"packed": func() { l.MatMul(y, 16, x, 2, packed[:500], 16, 64, 0, 1) },
		"x":      func() { l.MatMul(y, 16, x[:3], 2, packed, 16, 64, 0, 1) },
		"y":      func() { l.MatMul(y[:31], 16, x, 2, packed, 16, 64, 0, 1) },
		"groups": func() { l.MatMul(y, 16, x, 2, packed, 16, 64, 0, 2) },
		"cols":   func() { l.MatMul(y, 16, x, 2, packed, 16, 33, 0, 1) },
		"panel":  func() { l.DecodePanel(make([]float32, 1023), packed, 64, 0) },
		"row":    func() { l.DecodeRow(make([]float32, 64), packed, 64, 16) },
		"pack":   func() { l.Pack(packed, make([]byte, 575), 16, 64, 0, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("short %s: no panic", name)
				}
			}()
			call()
		}()
	}
}

// TestFMA32 compares with a sum in more bits than any sum of these needs.
func TestFMA32(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for range 200_000 {
		a, b := randomFloat(r), randomFloat(r)
		c := randomFloat(r)
		if r.IntN(2) == 0 { // near cancellation, and near ties
			c = -a * b * (1 + float32(r.IntN(5)-2)*0x1p-24)
		}
		if got, want := fma32(a, b, c), bigFMA(a, b, c); got != want {
			t.Fatalf("fma32(%g, %g, %g) = %g, want %g", a, b, c, got, want)
		}
	}
	// The double rounding that float32(float64(a)*float64(b)+float64(c)) suffers:
	// c + half an ulp + a little.
	if got, want := fma32(1+0x1p-23, 0x1p-24, 1), float32(1+0x1p-23); got != want {
		t.Errorf("got %g, want %g", got, want)
	}
	if got, want := fma32(0x1p-30, 0x1p-30, 1+0x1p-23), float32(1+0x1p-23); got != want {
		t.Errorf("got %g, want %g", got, want)
	}
}
