package op

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/internal/testkit/allocs"
	"limbeck/tensor/kernel"
)

// strided returns a random matrix whose rows or columns lie apart, with NaNs in
// the gaps: a read of one spreads to the product.
func strided(r *rand.Rand, rows, cols, gap int, transposed bool) kernel.Mat {
	if transposed {
		return strided(r, cols, rows, gap, false).T()
	}
	m := kernel.Mat{Data: make([]float32, rows*(cols+gap)), Rows: rows, Cols: cols, RowStride: cols + gap, ColStride: 1}
	for i := range m.Data {
		m.Data[i] = float32(math.NaN())
	}
	for i := range rows {
		for j := range cols {
			m.Data[i*m.RowStride+j] = float32(r.NormFloat64())
		}
	}
	return m
}

// short rounds m's elements to 8 significant bits: bf16 holds them, and an f32
// holds their products.
func short(m kernel.Mat) kernel.Mat {
	for i, v := range m.Data {
		m.Data[i] = math.Float32frombits((math.Float32bits(v) + 0x8000) &^ 0xffff)
	}
	return m
}

func at(m kernel.Mat, i, j int) float32 { return m.Data[i*m.RowStride+j*m.ColStride] }

// gemmTolerance bounds the error of an f32 sum of n products of standard
// normals: about n roundings of half an ulp of partial sums of size √n, which
// add like a random walk; 8 deviations.
func gemmTolerance(n int) float64 { return 8 * 0x1p-24 * float64(n+1) }

var gemmShapes = [][3]int{
	{1, 1, 1}, {1, 17, 33}, {5, 16, 16}, {6, 7, 32}, {7, 300, 15}, {13, 64, 129}, {16, 257, 40},
	{95, 31, 127}, {97, 256, 130}, {200, 513, 47}, {33, 1030, 18}, {110, 1025, 257}, {3, 0, 5}, {0, 4, 4},
	{20, 2051, 33},
}

func TestGEMMAgainstFloat64(t *testing.T) {
	p := par.New(2)
	defer p.Close()
	r := rand.New(rand.NewPCG(1, 2))
	var g GEMM
	for _, s := range gemmShapes {
		m, n, k := s[0], s[2], s[1]
		for flags := range 32 {
			if m*n*k > 1<<20 && flags%5 != 3 {
				continue // a part of them does for the large ones
			}
			a := short(strided(r, m, k, 3, flags&1 != 0))
			b := short(strided(r, k, n, 2, flags&2 != 0))
			g.BF16 = flags&16 != 0
			c := strided(r, m, n, 1, flags&4 != 0)
			add := flags&8 != 0
			before := c
			before.Data = slices.Clone(c.Data)
			g.Mul(p, c, a, b, add)
			if err := checkProduct(c, a, b, before, add); err != nil {
				t.Fatalf("%d×%d×%d, flags %05b: %v", m, k, n, flags, err)
			}
		}
	}
}

func checkProduct(c, a, b, before kernel.Mat, add bool) error {
	for i := range c.Rows {
		for j := range c.Cols {
			want := 0.0
			if add {
				want = float64(at(before, i, j))
			}
			for k := range a.Cols {
				want += float64(at(a, i, k)) * float64(at(b, k, j))
			}
			if got := float64(at(c, i, j)); !(math.Abs(got-want) <= gemmTolerance(a.Cols)) {
				return fmt.Errorf("element %d, %d is %v, want %v", i, j, got, want)
			}
		}
	}
	for i, v := range before.Data {
		if v != v && c.Data[i] == c.Data[i] {
			return fmt.Errorf("gap %d was written to", i)
		}
	}
	return nil
}

// TestGEMMRowsAreExact checks that neither threads nor the other rows change a
// bit of a row.
func TestGEMMRowsAreExact(t *testing.T) {
	for _, bf16 := range []bool{false, true} {
		t.Run(fmt.Sprintf("bf16=%v", bf16), func(t *testing.T) { testRowsAreExact(t, bf16) })
	}
}

func testRowsAreExact(t *testing.T, bf16 bool) {
	r := rand.New(rand.NewPCG(3, 4))
	const m, k, n = 217, 1100, 150
	a, b := strided(r, m, k, 5, false), strided(r, k, n, 0, true)
	start := strided(r, m, n, 0, false)
	for _, add := range []bool{false, true} {
		want := kernel.Dense(slices.Clone(start.Data), m, n)
		one := par.New(1)
		g := GEMM{BF16: bf16}
		g.Mul(one, want, a, b, add)
		one.Close()
		for threads := 1; threads <= 3; threads++ {
			p := par.New(threads)
			for _, rows := range []int{1, 2, 5, 6, 7, 16, 95, 96, 97, 200, m} {
				got := kernel.Dense(slices.Clone(start.Data), m, n)
				for lo := 0; lo < m; lo += rows {
					hi := min(lo+rows, m)
					g.Mul(p, part(got, lo, hi, 0, n), part(a, lo, hi, 0, k), b, add)
				}
				for i, v := range got.Data {
					if v != want.Data[i] {
						t.Fatalf("%d threads, %d rows at a time, add %v: element %d is %v, want %v", threads, rows, add, i, v, want.Data[i])
					}
				}
			}
			p.Close()
		}
	}
}

func TestGEMMColumnsAreExact(t *testing.T) {
	for _, bf16 := range []bool{false, true} {
		t.Run(fmt.Sprintf("bf16=%v", bf16), func(t *testing.T) { testColumnsAreExact(t, bf16) })
	}
}

func testColumnsAreExact(t *testing.T, bf16 bool) {
	r := rand.New(rand.NewPCG(5, 6))
	const m, k, n = 100, 300, 200
	a, b := strided(r, m, k, 0, true), strided(r, k, n, 0, false)
	p := par.New(2)
	defer p.Close()
	g := GEMM{BF16: bf16}
	want := strided(r, m, n, 0, false)
	g.Mul(p, want, a, b, false)
	flipped := strided(r, m, n, 0, true)
	g.Mul(p, flipped, a, b, false)
	cut := strided(r, m, n, 0, false)
	for lo := 0; lo < n; lo += 37 {
		hi := min(lo+37, n)
		g.Mul(p, part(cut, 0, m, lo, hi), a, part(b, 0, k, lo, hi), false)
	}
	for i := range m {
		for j := range n {
			if w := at(want, i, j); at(flipped, i, j) != w || at(cut, i, j) != w {
				t.Fatalf("element %d, %d: %v transposed, %v by columns, want %v", i, j, at(flipped, i, j), at(cut, i, j), w)
			}
		}
	}
}

// Factors that products share are packed once, and products of many rows are computed by
// rows, as many together as there is room for, which changes no bit of theirs.
func TestGEMMTogether(t *testing.T) {
	p, many := par.New(2), par.New(12) // of many threads, none by rows
	defer p.Close()
	defer many.Close()
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range []struct{ m, k, n, byRows int }{ // of the first three, in f32
		{7, 33, 20, 0}, {100, 64, 50, 0}, {130, 150, 200, 0}, {20, 2051, 33, 0},
		{800, 75, 210, 3}, {800, 300, 210, 1}, {800, 2051, 16, 0},
	} {
		for flags := range 8 {
			factor := func(rows, cols, flag int) kernel.Mat { return strided(r, rows, cols, 2, flags&flag != 0) }
			x, x2, y, y2 := factor(s.m, s.k, 1), factor(s.m, s.k, 1), factor(s.k, s.n, 2), factor(s.k, s.n, 2)
			few, none := factor(9, s.k, 1), factor(s.k, 0, 2)
			var products []product
			for i, f := range [][2]kernel.Mat{
				{x, y}, {x, y2}, {x2, y2}, {few, y2}, {few, y}, {x, y}, {few, y}, {x, none}, {x, y}, {x.T().T(), y2},
			} {
				products = append(products, product{strided(r, f[0].Rows, f[1].Cols, 0, i == 3), f[0], f[1], i%2 == 0})
			}
			products[1].c, products[2].c = products[0].c, products[0].c // which the third adds to
			g := GEMM{BF16: flags&4 != 0}
			if n := g.byRows(p.Threads(), products[:3]); n != s.byRows && !g.Pairs() {
				t.Fatalf("%+v: %d products by rows", s, n)
			}
			compareTogether(t, &g, p, many, products)
		}
	}
}

// compareTogether compares products that are computed together with each alone.
func compareTogether(t *testing.T, g *GEMM, p, many *par.Pool, products []product) {
	t.Helper()
	want := map[*float32][]float32{}
	for _, x := range products {
		if len(x.c.Data) == 0 {
			continue
		}
		c := x.c
		if c.Data = want[&x.c.Data[0]]; c.Data == nil {
			c.Data = slices.Clone(x.c.Data)
			want[&x.c.Data[0]] = c.Data
		}
		(&GEMM{BF16: g.BF16}).Mul(many, c, x.a, x.b, x.add)
	}
	g.mulAll(p, products)
	for i, x := range products {
		if len(x.c.Data) > 0 && !slices.Equal(x.c.Data, want[&x.c.Data[0]]) {
			t.Fatalf("bf16 %v: product %d, %d×%d×%d, differs from the one computed alone", g.BF16, i, x.a.Rows, x.a.Cols, x.b.Cols)
		}
	}
}

func TestGEMMDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	p := par.New(2)
	defer p.Close()
	var g GEMM
	for i, m := range []int{4, 200, 800, 4, 200, 800} { // the last of each by rows
		g.BF16 = i >= 3
		a, b, c := strided(r, m, 70, 0, false), strided(r, 70, 300, 0, true), strided(r, m, 300, 0, false)
		if n := allocs.Of(10, func() { g.Mul(p, c, a, b, false) }); n != 0 {
			t.Errorf("%v allocations to multiply %d rows (bf16 %v), want 0", n, m, g.BF16)
		}
	}
}

// BenchmarkGEMM measures the products of a training step and of few rows. The
// limit of a thread is kernel's BenchmarkPeakFMA.
func BenchmarkGEMM(b *testing.B) {
	for _, s := range []struct {
		name           string
		m, k, n        int
		transA, transB bool
		threads        int
	}{
		{"square", 512, 2048, 2048, false, false, 1},
		{"square", 512, 2048, 2048, false, false, 2},
		{"forward", 1024, 576, 1536, false, true, 1},
		{"forward", 1024, 576, 1536, false, true, 2},
		{"dx", 1024, 1536, 576, false, false, 2},
		{"dw", 1536, 1024, 576, true, false, 2},
		{"head", 256, 576, 49152, false, true, 2},
		{"head-dx", 256, 49152, 576, false, false, 2},
		{"head-dw", 49152, 256, 576, true, false, 2},
		{"rows", 1, 576, 1536, false, true, 1},
		{"rows", 4, 576, 1536, false, true, 1},
		{"rows", 16, 576, 1536, false, true, 1},
		{"rows", 64, 576, 1536, false, true, 1},
	} {
		for _, bf16 := range []bool{false, true} {
			name := "f32"
			if bf16 {
				name = "bf16"
			}
			b.Run(fmt.Sprintf("%s/%dx%dx%d/%s/threads=%d", s.name, s.m, s.k, s.n, name, s.threads), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				p := par.New(s.threads)
				defer p.Close()
				x, w := strided(r, s.m, s.k, 0, s.transA), strided(r, s.k, s.n, 0, s.transB)
				c := strided(r, s.m, s.n, 0, false)
				g := GEMM{BF16: bf16}
				best := math.Inf(1) // the fastest run: others may use the machine
				for b.Loop() {
					start := time.Now()
					g.Mul(p, c, x, w, false)
					best = min(best, time.Since(start).Seconds())
				}
				b.ReportMetric(2*float64(s.m)*float64(s.k)*float64(s.n)/best/1e9, "GFLOP/s")
			})
		}
	}
}

// BenchmarkTogether measures the products of queries, keys and values of the demo's student
// by rows and in chunks, each time by other memory.
func BenchmarkTogether(b *testing.B) {
	const copies = 20
	r := rand.New(rand.NewPCG(1, 1))
	p := par.New(2)
	defer p.Close()
	var products [copies][]product
	for i := range products {
		x := strided(r, 1000, 384, 0, false)
		for _, n := range []int{256, 128, 128} {
			products[i] = append(products[i], product{strided(r, 1000, n, 0, false), x, strided(r, 384, n, 0, true), false})
		}
	}
	for _, bf16 := range []bool{false, true} {
		for _, rows := range []bool{false, true} {
			b.Run(fmt.Sprintf("bf16=%v/rows=%v", bf16, rows), func(b *testing.B) {
				g := GEMM{BF16: bf16}
				for i := 0; b.Loop(); i++ {
					all := products[i%copies]
					if rows {
						g.mulAll(p, all)
						continue
					}
					for _, x := range all {
						g.mul(p, x)
					}
				}
			})
		}
	}
}

// Whatever the shape, a product packs in what a GEMM says that it takes at most.
func TestScratchIsBounded(t *testing.T) {
	for _, bf16 := range []bool{false, true} {
		g := GEMM{BF16: bf16}
		for k := range 3 * gemmDepth {
			for _, m := range []int{1, 97, 49152, 151680} {
				if a, b := g.Scratch(m, k, m); a > gemmScratchA || b > gemmScratchB {
					t.Fatalf("bf16 %v, %d×%d: %d and %d floats of scratch, want at most %d and %d", bf16, m, k, a, b, gemmScratchA, gemmScratchB)
				}
			}
		}
	}
}
