package gguf

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"limbeck/internal/testfiles"
	"limbeck/tensor"
)

// everything has a value of each type and two tensors.
func everything() (*Meta, []*tensor.Tensor) {
	m := &Meta{}
	m.Set("general.architecture", "llama")
	for _, v := range []any{
		uint8(200), int8(-100), uint16(60000), int16(-30000), uint32(4000000000), int32(-2000000000),
		float32(0.1), true, "naïve 🙂", uint64(1 << 63), int64(-1 << 62), 0.1,
		[]uint8{1, 2}, []int8{-1}, []uint16{3}, []int16{-3}, []uint32{}, []int32{-1, 0, 1},
		[]float32{0.5}, []bool{true, false}, []string{"", "a", "Ġthe"}, []uint64{7}, []int64{-7}, []float64{0.5},
	} {
		m.Set("test."+reflect.TypeOf(v).String(), v)
	}
	return m, []*tensor.Tensor{
		tensor.FromF32("vector", []float32{0, 1, 2, 3, 4}, 5),
		tensor.FromF32("matrix", []float32{0, 1, 2, 3, 4, 5}, 2, 3),
	}
}

func encode(t testing.TB, m *Meta, tensors []*tensor.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteTo(&b, m, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// same reports the first difference between f and what was written.
func same(t *testing.T, f *File, m *Meta, tensors []*tensor.Tensor) {
	t.Helper()
	got := f.Meta()
	if !slices.Equal(got.Keys(), m.Keys()) {
		t.Fatalf("keys %q, want %q", got.Keys(), m.Keys())
	}
	for _, k := range m.Keys() {
		a, _ := got.Get(k)
		b, _ := m.Get(k)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("key %q: %#v, want %#v", k, a, b)
		}
	}
	if len(f.Tensors()) != len(tensors) {
		t.Fatalf("%d tensors, want %d", len(f.Tensors()), len(tensors))
	}
	for i, want := range tensors {
		got := f.Tensors()[i]
		if !reflect.DeepEqual(got, want) || f.Tensor(want.Name) != got {
			t.Errorf("tensor %d: %v, want %v", i, got, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	m, tensors := everything()
	m.Set("general.alignment", uint32(64))
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := Write(path, m, tensors); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	same(t, f, m, tensors)
	f.Release(f.Tensors()[0])

	written, _ := os.ReadFile(path)
	again := encode(t, &f.meta, f.Tensors())
	if !bytes.Equal(written, again) {
		t.Error("writing what was read gives other bytes")
	}
	if err := Write(path, m, f.Tensors()); err != nil { // over the mapped file
		t.Error(err)
	}
	same(t, f, m, tensors)
}

func TestVersion2(t *testing.T) {
	m, tensors := everything()
	data := encode(t, m, tensors)
	data[4] = 2
	f, err := Parse(data, "v2")
	if err != nil {
		t.Fatal(err)
	}
	same(t, f, m, tensors)
}

func TestUnalignedData(t *testing.T) {
	m, tensors := everything()
	data := append([]byte{0}, encode(t, m, tensors)...)
	f, err := Parse(data[1:], "unaligned")
	if err != nil {
		t.Fatal(err)
	}
	same(t, f, m, tensors)
}

// TestGolden reads a file of the reference implementation; see golden.py.
func TestGolden(t *testing.T) {
	f, err := Open("testdata/golden.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := f.Meta()
	for key, want := range map[string]any{
		"general.architecture": "llama",
		"a.uint8":              uint8(200), "a.int8": int8(-100), "a.uint16": uint16(60000), "a.int16": int16(-30000),
		"a.uint32": uint32(4000000000), "a.int32": int32(-2000000000), "a.float32": float32(0.1), "a.bool": true,
		"a.string": "naïve 🙂", "a.uint64": uint64(1 << 63), "a.int64": int64(-1 << 62), "a.float64": 0.1,
		"b.strings": []string{"", "a", "Ġthe"}, "b.ints": []int32{-1, 0, 1},
		"b.floats": []float32{0.5, -2}, "b.bools": []bool{true, false},
	} {
		if got, _ := m.Get(key); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, want %#v", key, got, want)
		}
	}
	matrix := f.Tensor("matrix")
	if !slices.Equal(matrix.Shape, []int{2, 3}) || !slices.Equal(matrix.Decode(), []float32{0, 1, 2, 3, 4, 5}) {
		t.Errorf("matrix: shape %v, elements %v", matrix.Shape, matrix.Decode())
	}
	if !slices.Equal(f.Tensor("vector").Decode(), []float32{0, 1, 2, 3, 4}) {
		t.Errorf("vector: %v", f.Tensor("vector").Decode())
	}
	golden, err := os.ReadFile("testdata/golden.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, &m, f.Tensors()), golden) {
		t.Error("writing the golden file's content gives other bytes")
	}
}

func TestRealModel(t *testing.T) {
	path := testfiles.Model(t, testfiles.SmolLM2)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.Meta().IntErr("llama.block_count"); err != nil || n != 30 {
		t.Errorf("llama.block_count = %d, %v, want 30", n, err)
	}
	embed := f.Tensor("token_embd.weight")
	if embed == nil || !slices.Equal(embed.Shape, []int{49152, 576}) {
		t.Errorf("token_embd.weight: %v", embed)
	}
	if n := len(f.Meta().Strings("tokenizer.ggml.tokens")); n != 49152 {
		t.Errorf("%d tokens, want 49152", n)
	}
}
