package dtype

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// hardBlocks returns blocks of every kind that an encoder has to tell apart:
// weights of all magnitudes, levels halfway between two, equal extremes of both
// signs, zeros of both signs, subnormals, and what is not finite.
func hardBlocks() []float32 {
	r := rand.New(rand.NewPCG(3, 9))
	pick := func(all ...float32) float32 { return all[r.IntN(len(all))] }
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	var x []float32
	for kind := range 6000 {
		scale := float32(math.Exp2(float64(r.IntN(280) - 149)))
		for range block {
			v := float32(r.NormFloat64()) * scale
			switch kind % 6 {
			case 1:
				v = (float32(r.IntN(17)-8) + pick(0, 0.5, -0.5)) * scale
			case 2:
				v = (float32(r.IntN(255)-127) + pick(0, 0.5, -0.5, 0.49999997)) * scale
			case 3:
				v = pick(1, -1) * scale
			case 4:
				v = pick(0, float32(math.Copysign(0, -1)), v*float32(r.IntN(50)/49))
			case 5:
				v = pick(v, v, v, v, inf, -inf, nan, 0)
			}
			x = append(x, v)
		}
	}
	for range block { // nothing but NaNs
		x = append(x, nan)
	}
	return x
}

// The routines of this processor write what the generic encoders do.
func TestFastEncoders(t *testing.T) {
	x := hardBlocks()
	for _, c := range []struct {
		format  *Type
		generic func([]byte, []float32)
	}{{Q4_0, encodeQ4_0Generic}, {Q8_0, encodeQ8_0Generic}} {
		want, got := make([]byte, c.format.Bytes(len(x))), make([]byte, c.format.Bytes(len(x)))
		c.generic(want, x)
		c.format.Encode(got, x)
		for i := 0; i < len(got); i += c.format.Size {
			if string(got[i:i+c.format.Size]) != string(want[i:i+c.format.Size]) {
				b := i / c.format.Size
				t.Fatalf("%s: block %d, of %v, is %x, want %x", c.format, b, x[b*block:(b+1)*block], got[i:i+c.format.Size], want[i:i+c.format.Size])
			}
		}
	}
}

// The routines of this processor decode what the generic decoders do, by every scale
// that there is, and touch nothing beside.
func TestFastDecoders(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 9))
	for _, c := range []struct {
		format  *Type
		generic func([]float32, []byte)
	}{{Q4_0, decodeQ4_0Generic}, {Q8_0, decodeQ8_0Generic}} {
		n := 0
		for scale := 0; scale < 1<<16; scale += n {
			n = min(r.IntN(8), 1<<16-scale)
			b := make([]byte, n*c.format.Size)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			for i := range n {
				binary.LittleEndian.PutUint16(b[i*c.format.Size:], uint16(scale+i))
			}
			const poison = 12345
			want, got := make([]float32, n*block), slices.Repeat([]float32{poison}, n*block+2)
			c.generic(want, b)
			c.format.Decode(got[1:1+n*block], b)
			same := bytes.Equal(FloatBytes(got[1:1+n*block]), FloatBytes(want))
			if !same || got[0] != poison || got[len(got)-1] != poison {
				t.Fatalf("%s: %x, of %d blocks, is %v, want %v", c.format, b, n, got, want)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	x := gaussian(4096, 1)
	for _, f := range []*Type{Q4_0, Q8_0} {
		b.Run(f.Name, func(b *testing.B) {
			dst := make([]byte, f.Bytes(len(x)))
			b.SetBytes(int64(2 * len(x))) // as f16
			for b.Loop() {
				f.Encode(dst, x)
			}
		})
	}
}

// The formats that can be written are told from the most bits an element to the
// fewest.
func TestWritable(t *testing.T) {
	got := strings.Join(WritableNames(), " ")
	if want := "f32 f16 bf16 q8_0 q5_1 q5_0 q4_1 q4_0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, f := range All() {
		if (f.Encode != nil) != slices.Contains(WritableNames(), f.Name) {
			t.Errorf("%s: told as one that can be written, or not, against its Encode", f.Name)
		}
	}
}
