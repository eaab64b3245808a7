package dtype

import (
	"encoding/binary"
	"math"
	"testing"
)

// NotFinite agrees with what Decode gives, whatever word of a block is changed.
func TestNotFinite(t *testing.T) {
	for _, typ := range All() {
		blocks := 5 + 90/typ.Size // of plain floats more than are looked at together
		clean := make([]byte, blocks*typ.Size)
		if got := typ.NotFinite(clean); got != -1 {
			t.Errorf("%s: zeros: block %d", typ, got)
		}
		if got := typ.NotFinite(nil); got != -1 {
			t.Errorf("%s: nothing: block %d", typ, got)
		}
		found := 0
		for at := 0; at+2 <= len(clean); at += 2 {
			for _, word := range []uint16{0x7c00, 0xfe00, 0x7f80, 0xffc0, 0x7bff, 0x7f7f} {
				b := make([]byte, len(clean))
				for i := range b {
					b[i] = 0x55 // integers, levels and sub-scales that are no zeros
				}
				binary.LittleEndian.PutUint16(b[at:], word)
				want := firstNotFinite(typ, b)
				if got := typ.NotFinite(b); got != want {
					t.Fatalf("%s: %#x at byte %d: block %d, want %d", typ, word, at, got, want)
				}
				if want >= 0 {
					found++
				}
			}
		}
		if found < blocks {
			t.Errorf("%s: only %d changes gave a NaN or an infinity", typ, found)
		}
	}
}

// firstNotFinite is what NotFinite does, by way of the elements.
func firstNotFinite(typ *Type, b []byte) int {
	x := make([]float32, len(b)/typ.Size*typ.Len)
	typ.Decode(x, b)
	for i, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return i / typ.Len
		}
	}
	return -1
}

func BenchmarkNotFinite(b *testing.B) {
	for _, typ := range []*Type{F32, F16, Q4_1, Q8_0} {
		b.Run(typ.Name, func(b *testing.B) {
			src := make([]byte, 1<<20/typ.Size*typ.Size)
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				typ.NotFinite(src)
			}
		})
	}
}
