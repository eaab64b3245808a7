package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/testkit/allocs"
)

// shapes are rows and columns, which a format rounds up to its blocks.
var shapes = [][2]int{{17, 8}, {33, 24}, {2, 40}, {1, 32}, {15, 64}, {16, 32}, {17, 96}, {33, 576}, {48, 1536}, {50, 2048}, {83, 288}, {17, 8192}}

func TestPackDecodes(t *testing.T) { eachTier(t, testPackDecodes) }

func testPackDecodes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for f := range usedFormats {
		for _, s := range shapes {
			rows, cols := s[0], f.columns(s[1])
			m := f.random(r, rows, cols)
			p := pack(f.layout, m, rows, cols)
			want := make([]float32, groups(rows)*GroupRows*cols)
			for r := range rows {
				for k, e := range f.elements(f.row(m, cols, r), cols) {
					want[r*cols+k] = e.value()
				}
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
	const rows = 75
	for f := range usedFormats {
		cols := f.columns(96)
		m := f.random(r, rows, cols)
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

// heights are those of every tile and of sums of them, the last of many rows, which
// take two groups at once.
var heights = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 16, 17, 25, 31, 32, 33, 48, 66}

// TestMatMulIsTheLoop compares MatMul, bit for bit, with the loop in
// matMulGeneric's comment, written out over file blocks.
func TestMatMulIsTheLoop(t *testing.T) { eachTier(t, testMatMulIsTheLoop) }

func testMatMulIsTheLoop(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for f := range usedFormats {
		for _, s := range shapes {
			rows, cols := s[0], f.columns(s[1])
			m := f.random(r, rows, cols)
			p := pack(f.layout, m, rows, cols)
			tallest := heights[len(heights)-1]
			x := randomActivations(r, f.layout.X, tallest, cols)
			want, words := make([]float32, tallest*rows), f.layout.X.Words(cols)
			for r := range rows {
				row := f.elements(f.row(m, cols, r), cols)
				for i := range tallest {
					want[i*rows+r] = f.dot(row, x[i*words:][:words])
				}
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

// Many activation rows give the bits that few give, whatever is left of rows, groups and
// columns, and however many are too many for a cache.
func TestMatMulOfManyRows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	const rows, ldy = 5*GroupRows + 5, 6 * GroupRows
	for _, f := range packedFormats {
		if !f.layout.Int8() {
			continue
		}
		for cols, counts := range map[int][]int{352: {10, 13, 16, 17, 31, 32, 48, 64, 100}, 2272: {15, 512}} {
			cols = f.columns(cols)
			p := pack(f.layout, f.random(r, rows, cols), rows, cols)
			most := slices.Max(counts)
			x := randomActivations(r, f.layout.X, most, cols)
			want := make([]float32, most*ldy)
			multiply := func(y []float32, n int) { f.layout.MatMul(y, ldy, x, n, p, rows, cols, 0, groups(rows)) }
			inTier(tierGeneric, func() { multiply(want, most) })
			fastTiers(t, func(t *testing.T) {
				for _, n := range counts {
					got := guarded(n * ldy)
					clear(got)
					multiply(got, n)
					equalFloats(t, fmt.Sprintf("%s %d columns n=%d", f.layout.Name, cols, n), got, want[:n*ldy])
					checkGuard(t, got)
				}
			})
		}
	}
}

// TestMatMulSplits computes a product by pieces of rows, groups and a wider y.
func TestMatMulSplits(t *testing.T) { eachTier(t, testMatMulSplits) }

func testMatMulSplits(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	const rows, n, ldy = 71, 13, 80
	for f := range usedFormats {
		cols := f.columns(160)
		p := pack(f.layout, f.random(r, rows, cols), rows, cols)
		x := randomActivations(r, f.layout.X, n, cols)
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
				f.layout.MatMul(got[i*ldy:], ldy, x[i*f.layout.X.Words(cols):], step, p, rows, cols, lo, hi)
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

// Of a last group, those outputs are written that exist, however many they are.
func TestMatMulLastGroup(t *testing.T) { eachTier(t, testMatMulLastGroup) }

func testMatMulLastGroup(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	const n, ldy = 7, GroupRows
	for f := range usedFormats {
		cols := f.columns(64)
		m := f.random(r, GroupRows, cols)
		x := randomActivations(r, f.layout.X, n, cols)
		want := make([]float32, n*ldy)
		f.layout.MatMul(want, ldy, x, n, pack(f.layout, m, GroupRows, cols), GroupRows, cols, 0, 1)
		for rows := 1; rows < GroupRows; rows++ {
			got := guarded(n * ldy)
			for i := range got {
				got[i] = poison
			}
			f.layout.MatMul(got, ldy, x, n, pack(f.layout, m[:rows*len(m)/GroupRows], rows, cols), rows, cols, 0, 1)
			checkGuard(t, got)
			for i := range n {
				equalFloats(t, fmt.Sprintf("%s: %d rows", f.layout.Name, rows), got[i*ldy:][:rows], want[i*ldy:][:rows])
				if slices.ContainsFunc(got[i*ldy:][rows:ldy], func(v float32) bool { return v != poison }) {
					t.Fatalf("%s: MatMul wrote beyond %d rows", f.layout.Name, rows)
				}
			}
		}
	}
}

func TestMatMulPoisonedActivations(t *testing.T) { eachTier(t, testMatMulPoisonedActivations) }

func testMatMulPoisonedActivations(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	for f := range usedFormats {
		cols := f.columns(64)
		p := pack(f.layout, f.random(r, 16, cols), 16, cols)
		v := make([]float32, cols)
		v[40] = float32(math.Inf(-1))
		x := make([]float32, f.layout.X.Words(cols))
		f.layout.X.Quantize(x, v)
		y := make([]float32, 16)
		f.layout.MatMul(y, 16, x, 1, p, 16, cols, 0, 1)
		for i, v := range y {
			if v-v == 0 {
				t.Errorf("%s: output %d is %g though an activation is infinite", f.layout.Name, i, v)
			}
		}
	}
}

func TestMatMulDoesNotAllocate(t *testing.T) { eachTier(t, testMatMulDoesNotAllocate) }

func testMatMulDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	const rows, few, many = 37, 7, 21
	for f := range usedFormats {
		cols := f.columns(64)
		p := pack(f.layout, f.random(r, rows, cols), rows, cols)
		x := randomActivations(r, f.layout.X, many, cols)
		y, v := make([]float32, many*rows), make([]float32, cols)
		panel := make([]float32, cols*GroupRows)
		if a := allocs.Of(10, func() {
			f.layout.X.Quantize(x, v)
			f.layout.MatMul(y, rows, x, few, p, rows, cols, 0, groups(rows))
			f.layout.MatMul(y, rows, x, many, p, rows, cols, 0, groups(rows))
			f.layout.DecodeRow(v, p, cols, 20)
			f.layout.DecodePanel(panel, p, cols, 2)
		}); a != 0 {
			t.Errorf("%s: %v allocations", f.layout.Name, a)
		}
	}
}

func TestMatMulRejectsShortSlices(t *testing.T) { eachTier(t, testMatMulRejectsShortSlices) }

func testMatMulRejectsShortSlices(t *testing.T) {
	for f := range usedFormats {
		rejectsShortSlices(t, f.layout, f.columns(64), f.columns(64)/f.len*f.size)
	}
}

// rejectsShortSlices multiplies 16 rows of some columns, width bytes a row.
func rejectsShortSlices(t *testing.T, l *Layout, cols, width int) {
	packed, y := make([]byte, l.Bytes(16, cols)), make([]float32, 32)
	x, panel := make([]float32, 2*l.X.Words(cols)), make([]float32, 16*cols)
	for name, call := range map[string]func(){
		"packed": func() { l.MatMul(y, 16, x, 2, packed[1:], 16, cols, 0, 1) },
		"x":      func() { l.MatMul(y, 16, x[1:], 2, packed, 16, cols, 0, 1) },
		"y":      func() { l.MatMul(y[:31], 16, x, 2, packed, 16, cols, 0, 1) },
		"groups": func() { l.MatMul(y, 16, x, 2, packed, 16, cols, 0, 2) },
		"cols":   func() { l.MatMul(y, 16, x, 2, packed, 16, cols+1, 0, 1) },
		"panel":  func() { l.DecodePanel(panel[1:], packed, cols, 0) },
		"row":    func() { l.DecodeRow(make([]float32, cols), packed, cols, 16) },
		"pack":   func() { l.Pack(packed, make([]byte, 16*width-1), 16, cols, 0, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: short %s: no panic", l.Name, name)
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
