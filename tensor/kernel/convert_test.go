package kernel

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

// half64 is the value of the binary16 h by its definition.
func half64(h uint16) float64 {
	sign := 1 - 2*float64(h>>15)
	e, f := int(h>>10&31), float64(h&1023)
	switch e {
	case 0:
		return sign * math.Ldexp(f, -24)
	case 31:
		if f != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+f, e-25)
}

func TestF16OfEveryHalf(t *testing.T) {
	src := make([]byte, 2<<16)
	for h := range 1 << 16 {
		binary.LittleEndian.PutUint16(src[2*h:], uint16(h))
	}
	eachTier(t, func(t *testing.T) {
		dst, back := make([]float32, 1<<16), make([]byte, 2<<16)
		F16ToF32(dst, src)
		F32ToF16(back, dst)
		for h := range 1 << 16 {
			want, got := half64(uint16(h)), float64(dst[h])
			again := binary.LittleEndian.Uint16(back[2*h:])
			if want != want {
				if got == got || half64(again) == half64(again) {
					t.Fatalf("half %04x: %v and back %04x, want NaN", h, got, again)
				}
				continue
			}
			if got != want || math.Signbit(got) != math.Signbit(want) || again != uint16(h) {
				t.Fatalf("half %04x: %v and back %04x, want %v", h, got, again, want)
			}
		}
	})
}

// nearestHalf rounds v by search: the nearest of two neighbors, ties to even.
func nearestHalf(v float64) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	lo, hi := uint16(0), uint16(0x7c00)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; half64(mid) <= v {
			lo = mid
		} else {
			hi = mid
		}
	}
	above := half64(hi)
	if hi == 0x7c00 {
		above = 65536 // where the next half would lie
	}
	switch below := half64(lo); {
	case v-below > above-v, v-below == above-v && lo&1 == 1:
		return sign | hi
	}
	return sign | lo
}

func TestF16Rounding(t *testing.T) {
	var src []float32
	for h := range uint16(0x7c00) {
		tie := (half64(h) + half64(h+1)) / 2
		if h == 0x7bff {
			tie = 65520
		}
		f := float32(tie)
		src = append(src, f, math.Nextafter32(f, 0), math.Nextafter32(f, 1e6), -f)
	}
	src = append(src, 1e6, math.MaxFloat32, float32(math.Inf(-1)), math.SmallestNonzeroFloat32)
	eachTier(t, func(t *testing.T) {
		dst := make([]byte, 2*len(src))
		F32ToF16(dst, src)
		for i, v := range src {
			if got, want := binary.LittleEndian.Uint16(dst[2*i:]), nearestHalf(float64(v)); got != want {
				t.Fatalf("%v becomes %04x, want %04x", v, got, want)
			}
		}
	})
}

func TestBF16(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for _, c := range []struct{ in, want uint32 }{
			{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81}, {0x3f818000, 0x3f82},
			{0xbf818000, 0xbf82}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80}, {0xff800000, 0xff80},
			{0x7f800001, 0x7fc0}, {0xffc12345, 0xffc1}, {0x00000001, 0}, {0x00018000, 2}, {0x80000000, 0x8000},
		} {
			for n := 1; n <= 17; n++ {
				src, dst, back := make([]float32, n), make([]byte, 2*n), make([]float32, n)
				for i := range src {
					src[i] = math.Float32frombits(c.in)
				}
				F32ToBF16(dst, src)
				BF16ToF32(back, dst)
				for i := range src {
					if got := binary.LittleEndian.Uint16(dst[2*i:]); uint32(got) != c.want || math.Float32bits(back[i]) != c.want<<16 {
						t.Fatalf("%08x becomes %04x and back %08x, want %04x", c.in, got, math.Float32bits(back[i]), c.want)
					}
				}
			}
		}
	})
}

// TestConversionsAgree compares the tiers at every short length, off alignment
// and between guards.
func TestConversionsAgree(t *testing.T) {
	fastTiers(t, func(t *testing.T) {
		for n := range 71 {
			x, all := fenced(n)
			raw := bytes.Repeat([]byte{0xa5}, 2*n+3)
			for i := range x {
				x[i] = math.Float32frombits(uint32(i) * 0x9e3779b9)
			}
			for name, f := range map[string]func([]byte, []float32){"F32ToF16": F32ToF16, "F32ToBF16": F32ToBF16} {
				got, want := bytes.Clone(raw), bytes.Clone(raw)
				f(got[1:1+2*n], x)
				inTier(tierGeneric, func() { f(want[1:1+2*n], x) })
				if !bytes.Equal(got, want) {
					t.Fatalf("%s, length %d: tiers differ", name, n)
				}
				copy(raw, got)
			}
			for name, f := range map[string]func([]float32, []byte){"F16ToF32": F16ToF32, "BF16ToF32": BF16ToF32} {
				f(x, raw[1:1+2*n])
				want := make([]float32, n)
				inTier(tierGeneric, func() { f(want, raw[1:1+2*n]) })
				for i := range x {
					if math.Float32bits(x[i]) != math.Float32bits(want[i]) {
						t.Fatalf("%s, length %d: element %d is %v, want %v", name, n, i, x[i], want[i])
					}
				}
				if !fencesStand(all) {
					t.Fatalf("%s, length %d: wrote beyond the ends", name, n)
				}
			}
		}
	})
}
