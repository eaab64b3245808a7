package kernel

import (
	"fmt"
	"sync"
	"unsafe"
)

//go:generate sh -c "cd gen && go run ./strips -out ../strips_amd64.s -stubs ../strips_stubs_amd64.go -pkg kernel"

// A Strip is how some columns of a matrix lie in memory, in a number format and
// row after row, so that few rows of f32 multiply them as they are decoded.
type Strip struct {
	Width int // columns of a strip, a multiple of [PanelWidth]
	Bytes int // of a row

	// decodeGeneric writes the values of a row of blocks.
	decodeGeneric func(dst []float32, src []byte)

	fast stripTiles // by assembly; the dispatcher replaces it
}

// FewRows is the number of rows up to which [Strip.Mul] is faster than
// [MulPanels] on panels that [Strip.Decode] made.
const FewRows = 12

// Strips of 16 columns in f16, and of 32 in one block of q8_0 or of q4_0.
var (
	F16Strip  = &Strip{Width: 16, Bytes: 32, decodeGeneric: f16ToF32Generic}
	Q8_0Strip = &Strip{Width: 32, Bytes: 34, decodeGeneric: decodeQ8_0Row}
	Q4_0Strip = &Strip{Width: 32, Bytes: 18, decodeGeneric: decodeQ4_0Row}
)

// strips are all of them, by their formats.
var strips = map[string]*Strip{"f16": F16Strip, "q8_0": Q8_0Strip, "q4_0": Q4_0Strip}

// Strips are N strips in memory, Apart bytes apart.
type Strips struct {
	Data     []byte
	Apart, N int

	// Ahead is what lies as Data does and is read some time after it, if that is known: it
	// is asked for line by line, as Data is read.
	Ahead []byte
}

// ahead returns how far behind Data Ahead lies.
func (s Strips) ahead() int {
	if len(s.Ahead) == 0 {
		return 0
	}
	return int(uintptr(unsafe.Pointer(&s.Ahead[0])) - uintptr(unsafe.Pointer(&s.Data[0])))
}

// Fetch asks for the bytes lo to hi of each strip of Ahead; it does nothing if that does
// not have them. It is for products that do not ask, and for the time before those that do.
func (s *Strips) Fetch(lo, hi int) {
	if s.N > 0 && lo < hi && (s.N-1)*s.Apart+hi <= len(s.Ahead) {
		fetch(&s.Ahead[lo], hi-lo, s.Apart, s.N)
	}
}

// Mul multiplies a, whose rows are contiguous, by strips of a.Cols rows each; with b
// the values of the strips side by side:
//
//	for i, j: for k := range a.Cols { c[i*ldc+j] = fma(a[i, k], b[k, j], c[i*ldc+j]) }
//
// where c starts from 0: the bits of [MulPanels] on decoded strips.
func (s *Strip) Mul(c []float32, ldc int, a Mat, b Strips) {
	if !b.check("Strip.Mul", c, ldc, a, s.Width, s.Bytes) {
		return
	}
	if !s.fast.mul(s.Width, c, ldc, a, b) {
		s.mulGeneric(c, ldc, a, b)
	}
}

// check panics if a product with strips of so many columns, and bytes a row, does not
// fit; it reports whether there is anything to do.
func (s Strips) check(who string, c []float32, ldc int, a Mat, width, bytes int) bool {
	a.check(who)
	cols := s.N * width
	switch {
	case a.ColStride != 1:
		panic("kernel: " + who + ": rows are not contiguous")
	case a.Rows == 0 || s.N <= 0:
		return false
	case ldc < cols && a.Rows > 1 || len(c) < (a.Rows-1)*ldc+cols:
		panic("kernel: " + who + ": the product is too short")
	case s.Apart < 0 || len(s.Data) < (s.N-1)*s.Apart+a.Cols*bytes:
		panic(fmt.Sprintf("kernel: %s: %d bytes for %d strips of %d rows, %d bytes apart", who, len(s.Data), s.N, a.Cols, s.Apart))
	}
	return true
}

// Decode writes the values of n rows of a strip, exactly, as panels of n rows
// of 16 columns that follow each other.
func (s *Strip) Decode(dst []float32, b []byte, n int) {
	if n < 0 || len(dst) < n*s.Width || len(b) < n*s.Bytes {
		panic(fmt.Sprintf("kernel: Strip.Decode: %d rows of %d bytes to %d floats", n, len(b), len(dst)))
	}
	if n == 0 || s.fast.decoded(dst, b, n) {
		return
	}
	row := stripRows.Get().(*stripRow)
	defer stripRows.Put(row)
	for k := range n {
		s.decodeGeneric(row[:s.Width], b[k*s.Bytes:])
		for j := 0; j < s.Width; j += PanelWidth {
			copy(dst[j*n+k*PanelWidth:][:PanelWidth], row[j:])
		}
	}
}

// Fetch asks for n bytes, at least one, to be brought into the first cache.
func Fetch(p *byte, n int) { fetch(p, n, 0, 1) }

// fetch asks for n bytes of each of some strips. The dispatcher replaces it.
var fetch = fetchNever

func fetchNever(_ *byte, _, _, _ int) {}

const maxStrip = 32

// A stripRow holds a decoded row. The stack cannot: which decoder is called is the
// strip's, and the compiler has what it writes to escape.
type stripRow [maxStrip]float32

var stripRows = sync.Pool{New: func() any { return new(stripRow) }}

func (s *Strip) mulGeneric(c []float32, ldc int, a Mat, b Strips) {
	var sum stripRow
	row := stripRows.Get().(*stripRow)
	defer stripRows.Put(row)
	for p := range b.N {
		for i := range a.Rows {
			clear(sum[:])
			for k, x := range a.Data[i*a.RowStride:][:a.Cols] {
				s.decodeGeneric(row[:s.Width], b.Data[p*b.Apart+k*s.Bytes:])
				for j, v := range row[:s.Width] {
					sum[j] += float32(x * v)
				}
			}
			copy(c[i*ldc+p*s.Width:][:s.Width], sum[:])
		}
	}
}

func decodeQ8_0Row(dst []float32, src []byte) {
	d := half(src, 0)
	for j := range dst {
		dst[j] = d * float32(int8(src[2+j]))
	}
}

func decodeQ4_0Row(dst []float32, src []byte) {
	d := half(src, 0)
	for j, q := range src[2:18] {
		dst[j] = d * float32(int(q&15)-8)
		dst[j+16] = d * float32(int(q>>4)-8)
	}
}

// stripTiles are the routines of a tier, or none. Strides are in bytes.
type stripTiles struct {
	one  []stripTile // of one strip, by rows less one
	wide []stripTile // of several; there may be fewer
	many int         // the strips of wide

	decode func(dst *float32, apart int, b *byte, n int)
}

// A stripTile multiplies some rows by one strip or several.
type stripTile func(c *float32, ldc int, a *float32, row int, b *byte, apart, ahead, n int)

// mul is [Strip.mulGeneric] by tiles of strips of that width. It reports false if
// there are none.
func (t *stripTiles) mul(width int, c []float32, ldc int, a Mat, b Strips) bool {
	if t.one == nil || a.Cols == 0 {
		return false
	}
	ahead := b.ahead()
	for i, rows := 0, 0; i < a.Rows; i += rows {
		left := a.Rows - i
		tiles := (left + len(t.one) - 1) / len(t.one)
		rows = (left + tiles - 1) / tiles // none of one row beside one of six
		for p, n := 0, 0; p < b.N; p += n {
			tile := t.one[rows-1]
			if n = 1; b.N-p >= t.many && rows <= len(t.wide) {
				tile, n = t.wide[rows-1], t.many
			}
			tile(&c[i*ldc+p*width], 4*ldc, &a.Data[i*a.RowStride], 4*a.RowStride, &b.Data[p*b.Apart], b.Apart, ahead, a.Cols)
		}
	}
	return true
}

// decoded decodes n rows, if there is a routine for that.
func (t *stripTiles) decoded(dst []float32, b []byte, n int) bool {
	if t.decode != nil {
		t.decode(&dst[0], 4*PanelWidth*n, &b[0], n)
	}
	return t.decode != nil
}
