package dtype

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"limbeck/tensor/kernel"
)

// No format is multiplied by decoding it anew.
func TestAllFormatsHaveALayout(t *testing.T) {
	for _, f := range All() {
		if f.Fast == nil {
			t.Errorf("%s has no packed layout", f)
		}
	}
}

// encodedMatrix returns rows of sizes far apart. Where a format is only read,
// they are of random integers and scales.
func encodedMatrix(f *Type, rows, cols int) []byte {
	r := rand.New(rand.NewPCG(5, 5))
	if f.Encode == nil {
		return randomBlocks(r, f, rows*cols/f.Len)
	}
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(r.NormFloat64()) * float32(math.Exp2(float64(i/cols%40)-20))
	}
	b := make([]byte, f.Bytes(len(x)))
	f.Encode(b, x)
	return b
}

func randomBlocks(r *rand.Rand, f *Type, n int) []byte {
	b := make([]byte, n*f.Size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	for i := range n {
		size := float32(math.Exp2(float64(i%20) - 20))
		for _, at := range f.exponents.at {
			putF16(b[i*f.Size+at:], float32(r.NormFloat64())*size)
		}
		if f == MXFP4 {
			b[i*f.Size] = byte(108 + i%20)
		}
	}
	return b
}

// columns returns the least number of columns from n on that fill blocks.
func columns(f *Type, n int) int { return (n + f.Len - 1) / f.Len * f.Len }

func packMatrix(f *Type, m []byte, rows, cols int) []byte {
	p := make([]byte, f.Fast.Bytes(rows, cols))
	f.Fast.Pack(p, m, rows, cols, 0, (rows+kernel.GroupRows-1)/kernel.GroupRows)
	return p
}

// TestFastDecodes wants the bits of Decode from every packed row and panel.
func TestFastDecodes(t *testing.T) {
	for _, f := range All() {
		for _, s := range [][2]int{{1, 32}, {16, 64}, {37, 576}, {5, 2048}} {
			rows, cols := s[0], columns(f, s[1])
			m := encodedMatrix(f, rows, cols)
			want := make([]float32, rows*cols)
			f.Decode(want, m)
			p := packMatrix(f, m, rows, cols)
			row, panel := make([]float32, cols), make([]float32, cols*kernel.GroupRows)
			for r := range rows {
				f.Fast.DecodeRow(row, p, cols, r)
				f.Fast.DecodePanel(panel, p, cols, r/kernel.GroupRows)
				for k, v := range want[r*cols : (r+1)*cols] {
					lane := panel[k*kernel.GroupRows+r%kernel.GroupRows]
					if row[k] != v || lane != v {
						t.Fatalf("%s: element (%d, %d) is %g in its row, %g in its panel, want %g", f, r, k, row[k], lane, v)
					}
				}
			}
		}
	}
}

// fastTolerance bounds a product's error against exact arithmetic on the same
// decoded numbers, relative to Σ|x|·max|w of the block|: one f32 rounding for a
// scale, two for a min's part, one for each addition; a level's and a min's part
// are together at most three times the largest weight.
func fastTolerance(cols int) float64 { return float64(3*(3+2*cols/32)) * 0x1p-24 }

func TestFastMultiplies(t *testing.T) {
	const rows, n = 21, 5
	r := rand.New(rand.NewPCG(6, 6))
	for _, f := range All() {
		cols := columns(f, 576)
		x := make([]float32, n*cols)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		q := make([]float32, f.Fast.X.Words(len(x)))
		f.Fast.X.Quantize(q, x)
		acts := rounded(f.Fast.X, q)
		m := encodedMatrix(f, rows, cols)
		w := make([]float32, rows*cols)
		f.Decode(w, m)
		y := make([]float32, n*rows)
		f.Fast.MatMul(y, rows, q, n, packMatrix(f, m, rows, cols), rows, cols, 0, 2)
		for i, got := range y {
			var want, size float64
			for k, v := range w[i%rows*cols:][:cols] {
				act, block := acts[i/rows*cols+k], max(32, f.Len)
				want += float64(v) * act
				size += largestOf(w[i%rows*cols+k/block*block:][:block]) * math.Abs(act)
			}
			if math.Abs(float64(got)-want) > fastTolerance(cols)*size {
				t.Errorf("%s: output %d is %g, want %g", f, i, got, want)
			}
		}
	}
}

// rounded returns the numbers that activations of a form stand for.
func rounded(form *kernel.Activations, q []float32) (x []float64) {
	words := unsafe.Pointer(unsafe.SliceData(q))
	switch form {
	case kernel.Q8:
		for _, b := range unsafe.Slice((*kernel.Q8Block)(words), len(q)/form.Size) {
			for _, v := range b.Q {
				x = append(x, float64(b.D)*float64(v))
			}
		}
	case kernel.Wide:
		for _, b := range unsafe.Slice((*kernel.Q8Wide)(words), len(q)/form.Size) {
			for i := range kernel.WideLen {
				x = append(x, float64(b.D)*float64(b.At(i)))
			}
		}
	case kernel.Floats:
		for _, v := range q {
			x = append(x, float64(v))
		}
	default:
		panic("no such form")
	}
	return x
}

func largestOf(v []float32) (m float64) {
	for _, f := range v {
		m = max(m, math.Abs(float64(f)))
	}
	return m
}
