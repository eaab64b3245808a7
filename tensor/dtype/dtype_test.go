package dtype

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// golden returns the reference's bytes by "format kind"; see testdata/golden.py.
func golden(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	g := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		b, err := hex.DecodeString(f[2])
		if err != nil {
			t.Fatal(err)
		}
		g[f[0]+" "+f[1]] = b
	}
	return g
}

func readFloats(t *testing.T, path string) []float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Floats(b)
}

func TestGolden(t *testing.T) {
	g := golden(t)
	x, w := readFloats(t, "testdata/input.f32"), readFloats(t, "testdata/importance.f32")
	for _, typ := range All() {
		if typ == F32 {
			continue // the input file is the golden one
		}
		t.Run(typ.Name, func(t *testing.T) {
			encoded := g[typ.Name+" encoded"]
			if len(encoded) != typ.Bytes(len(x)) {
				t.Fatalf("%d golden bytes, want %d: run testdata/golden.py", len(encoded), typ.Bytes(len(x)))
			}
			decoded := make([]float32, len(x))
			typ.Decode(decoded, encoded)
			if sum := sha256.Sum256(FloatBytes(decoded)); !bytes.Equal(sum[:], g[typ.Name+" decoded"]) {
				t.Error("Decode differs from the reference")
			}
			if typ.Encode != nil {
				got := make([]byte, len(encoded))
				typ.Encode(got, x)
				diffBlocks(t, typ, "Encode", got, encoded)
			}
			if typ.EncodeWeighted != nil {
				got := make([]byte, len(encoded))
				for i := range len(x) / len(w) {
					n := typ.Bytes(len(w))
					typ.EncodeWeighted(got[i*n:(i+1)*n], x[i*len(w):(i+1)*len(w)], w)
				}
				diffBlocks(t, typ, "EncodeWeighted", got, g[typ.Name+" weighted"])
			}
		})
	}
}

func diffBlocks(t *testing.T, typ *Type, what string, got, want []byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d bytes, want %d", what, len(got), len(want))
	}
	for i := 0; i < len(got); i += typ.Size {
		if a, b := got[i:i+typ.Size], want[i:i+typ.Size]; !bytes.Equal(a, b) {
			t.Errorf("%s: block %d is %x, want %x", what, i/typ.Size, a, b)
		}
	}
}

// steps is the largest error of Encode, in units of the block's greatest
// magnitude (of its span, for a format with a minimum): half a step between
// levels, a whole one where the top level is cut (q4_0, q5_0: −max encodes,
// +max does not), plus the rounding of d and m to f16, 2⁻¹¹ of each.
var steps = map[string]float64{
	"f32":  0,
	"f16":  1.0 / 2048,
	"bf16": 1.0 / 256,
	"q8_0": 0.5/127 + 1.0/2048,
	"q4_0": 1.0/8 + 1.0/2048,
	"q4_1": 0.5/15 + 2.0/2048,
	"q5_0": 1.0/16 + 1.0/2048,
	"q5_1": 0.5/31 + 2.0/2048,
}

func TestErrorBound(t *testing.T) {
	for _, typ := range All() {
		if typ.Encode == nil {
			continue
		}
		bound, ok := steps[typ.Name]
		if !ok {
			t.Errorf("%s: no error bound", typ)
			continue
		}
		x := gaussian(64*block, 1)
		got := make([]float32, len(x))
		b := make([]byte, typ.Bytes(len(x)))
		typ.Encode(b, x)
		typ.Decode(got, b)
		for i := 0; i < len(x); i += typ.Len {
			unit := float64(slices.Max(x[i:i+typ.Len]) - slices.Min(x[i:i+typ.Len]))
			if !strings.HasSuffix(typ.Name, "_1") {
				unit = 0
				for _, v := range x[i : i+typ.Len] {
					unit = max(unit, math.Abs(float64(v)))
				}
			}
			for j := i; j < i+typ.Len; j++ {
				if e := math.Abs(float64(got[j] - x[j])); e > bound*unit {
					t.Fatalf("%s: element %d is %v, encoded as %v: beyond %v of %v", typ, j, x[j], got[j], bound, unit)
				}
			}
		}
	}
}

// gaussian returns n numbers of a distribution with a few outliers, as weights
// have it.
func gaussian(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp(r.NormFloat64()/2) * 0.05)
	}
	return x
}

func TestWeightedBeatsNearest(t *testing.T) {
	const cols = 512
	w := make([]float32, cols)
	for i, v := range gaussian(cols, 2) {
		w[i] = v * v * 400
	}
	for _, typ := range All() {
		if typ.EncodeWeighted == nil {
			continue
		}
		nearest, weighted := 0.0, 0.0
		for seed := range uint64(20) {
			x := gaussian(cols, 100+seed)
			b, got := make([]byte, typ.Bytes(cols)), make([]float32, cols)
			typ.Encode(b, x)
			typ.Decode(got, b)
			n := weightedError(x, got, w)
			typ.EncodeWeighted(b, x, w)
			typ.Decode(got, b)
			e := weightedError(x, got, w)
			if e > n {
				t.Errorf("%s, row %d: error %g with importances, %g without", typ, seed, e, n)
			}
			nearest, weighted = nearest+n, weighted+e
		}
		t.Logf("%s: weighted error %.4g, round to nearest %.4g", typ, weighted, nearest)
	}
}

func weightedError(x, y, importance []float32) float64 {
	s, sum := newSearch(x), 0.0
	for i := range x {
		d := float64(x[i] - y[i])
		sum += float64(importance[i]) * math.Sqrt(float64(s.sigma2+x[i]*x[i])) * d * d
	}
	return sum
}

// TestUnweightedBlock: importances of 0 leave rounding to nearest.
func TestUnweightedBlock(t *testing.T) {
	x := gaussian(2*block, 5)
	for _, typ := range All() {
		if typ.EncodeWeighted == nil {
			continue
		}
		want, got := make([]byte, typ.Bytes(len(x))), make([]byte, typ.Bytes(len(x)))
		typ.Encode(want, x)
		typ.EncodeWeighted(got, x, make([]float32, len(x)))
		diffBlocks(t, typ, "EncodeWeighted", got, want)
	}
}

func TestStrangeNumbers(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	rows := [][]float32{{nan}, {inf}, {-inf}, {inf, -inf}, {nan, 1, inf}, {math.MaxFloat32, -math.MaxFloat32},
		{math.SmallestNonzeroFloat32}, {1e-40, -1e-42}, {0, -1e38, 7e4}, {float32(math.Copysign(0, -1))}}
	for _, typ := range All() {
		if typ.Encode == nil {
			continue
		}
		for _, row := range rows {
			x := make([]float32, 2*block)
			copy(x, row)
			copy(x[block:], gaussian(block, 1))
			checkEncode(t, typ, x)
		}
	}
}

// checkEncode encodes and decodes x, which must not panic, and shows that
// blocks do not touch each other: the last one comes out as it does alone.
func checkEncode(t *testing.T, typ *Type, x []float32) {
	b, got := make([]byte, typ.Bytes(len(x))), make([]float32, len(x))
	typ.Encode(b, x)
	typ.Decode(got, b)
	last, alone := b[len(b)-typ.Size:], make([]byte, typ.Size)
	typ.Encode(alone, x[len(x)-typ.Len:])
	if !bytes.Equal(last, alone) {
		t.Errorf("%s: last block %x, alone %x", typ, last, alone)
	}
	if typ.EncodeWeighted != nil {
		typ.EncodeWeighted(b, x, x)
		typ.Decode(got, b)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(bytes.Repeat([]byte{0xff}, 300))
	f.Add(bytes.Repeat([]byte{0, 0x7c, 1}, 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range All() {
			n := len(data) / typ.Size
			typ.Decode(make([]float32, n*typ.Len), data[:n*typ.Size])
			if n := len(data) / 4 / typ.Len * typ.Len; typ.Encode != nil && n > 0 {
				x := slices.Clone(Floats(append([]byte(nil), data[:4*n]...)))
				checkEncode(t, typ, x)
			}
		}
	})
}

func TestLookups(t *testing.T) {
	for _, typ := range All() {
		if ByName(typ.Name) != typ || ByGGUF(typ.GGUF) != typ {
			t.Errorf("%s is not found by its name and number", typ)
		}
	}
	if ByName("Q4_0") != nil || ByGGUF(4711) != nil {
		t.Error("found what does not exist")
	}
}

func BenchmarkFormats(b *testing.B) {
	x, y := gaussian(1<<16, 1), make([]float32, 1<<16)
	w := make([]float32, len(x))
	for i := range w {
		w[i] = 1
	}
	for _, typ := range All() {
		enc := make([]byte, typ.Bytes(len(x)))
		run := func(name string, f func()) {
			b.Run(typ.Name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(4 * len(x))) // the floats
				for b.Loop() {
					f()
				}
			})
		}
		run("decode", func() { typ.Decode(y, enc) })
		if typ.Encode != nil {
			run("encode", func() { typ.Encode(enc, x) })
		}
		if typ.EncodeWeighted != nil {
			run("weighted", func() { typ.EncodeWeighted(enc, x, w) })
		}
	}
}
