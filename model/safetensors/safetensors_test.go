package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// sample has a tensor of each format; the f16 one is of an odd length.
func sample() []*tensor.Tensor {
	f32 := tensor.FromF32("f32 \"x\"", []float32{1, -2, 3.5, 4, 5, 6}, 2, 3)
	half := tensor.New("half", dtype.F16, 3)
	dtype.F16.Encode(half.Data, []float32{1, 2, 3})
	brain := tensor.New("brain", dtype.BF16, 1, 2)
	dtype.BF16.Encode(brain.Data, []float32{-1, 0.5})
	return []*tensor.Tensor{half, f32, brain}
}

func encode(t testing.TB, tensors []*tensor.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteTo(&b, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	s := sample()
	written := encode(t, s)
	if err := os.WriteFile(path, written, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := []*tensor.Tensor{s[1], s[0], s[2]} // f32 first
	for i, got := range f.Tensors() {
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("tensor %d: %v, want %v", i, got, want[i])
		}
	}
	if !bytes.Equal(encode(t, f.Tensors()), written) {
		t.Error("writing what was read gives other bytes")
	}
	if n := binary.LittleEndian.Uint64(written); n%8 != 0 {
		t.Errorf("header of %d bytes is not padded", n)
	}
}

func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestUnalignedAndScalar(t *testing.T) {
	data := file(`{"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"s":{"dtype":"F32","shape":[],"data_offsets":[2,6]}}  `, 6)
	f, err := Parse(data, "odd")
	if err != nil {
		t.Fatal(err)
	}
	s := f.Tensors()[1]
	if !aligned(s.Data) || !reflect.DeepEqual(s.Shape, []int{1}) {
		t.Errorf("scalar: aligned %v, shape %v", aligned(s.Data), s.Shape)
	}
}

func TestHostileFiles(t *testing.T) {
	one := func(entry string) []byte { return file(`{"w":`+entry+`}`, 64) }
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty":              {nil, "0 bytes"},
		"short":              {[]byte{1, 2, 3}, "3 bytes"},
		"header size":        {binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "header of 18446744073709551615"},
		"cut header":         {file("{}", 0)[:9], "header of 2 bytes"},
		"no JSON":            {file("GGUF", 0), "header: it is not JSON: line 1, byte 1: invalid character 'G' looking for beginning of value; want a JSON object"},
		"array":              {file("[]", 0), "want a JSON object"},
		"unclosed":           {file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`, 4), "header: it is not JSON: line 1, byte 53: unexpected end of JSON input; want"},
		"after the object":   {file("{} {}", 0), "header: it is not JSON: line 1, byte 4: invalid character '{' after top-level value"},
		"twice":              {file(`{"w":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"w":{"dtype":"F16","shape":[1],"data_offsets":[2,4]}}`, 8), `"w" occurs twice, want each name once`},
		"metadata":           {file(`{"__metadata__":{"a":1}}`, 0), `"__metadata__": "a" is 1, want a string`},
		"entry":              {one(`7`), `tensor "w": it is 7, want a JSON object`},
		"unknown dtype":      {one(`{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}`), `"w": dtype "F8_E4M3" is not known; known are: F32, F16, BF16`},
		"no offsets":         {one(`{"dtype":"F32","shape":[1]}`), "0 data_offsets"},
		"three offsets":      {one(`{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}`), "3 data_offsets"},
		"negative offset":    {one(`{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}`), `"w": "data_offsets[0]" is -4, want a whole number of 0 or more`},
		"fraction":           {one(`{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}`), `"w": "shape[0]" is 1.5, want a whole number`},
		"past the end":       {one(`{"dtype":"F32","shape":[17],"data_offsets":[0,68]}`), "which has 64"},
		"turned around":      {one(`{"dtype":"F32","shape":[1],"data_offsets":[8,4]}`), "bytes 8 to 4"},
		"size":               {one(`{"dtype":"F32","shape":[3],"data_offsets":[0,8]}`), "8 bytes, want 12"},
		"negative dimension": {one(`{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}`), "positive dimensions"},
		"zero dimension":     {one(`{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`), "positive dimensions"},
		"overflow":           {one(`{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}`), "too large"},
		"overlap": {file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
			`"a" and "b" overlap: bytes 0 to 8 and 4 to 8 of the data`},
		"hole":      {one(`{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`), `bytes 0 to 4, before tensor "w", are no tensor's`},
		"more":      {one(`{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`), "the tensors end at byte 4 of 64"},
		"empty key": {one(`{"dtype":"F32","shape":[1],"data_offsets":[0,4],"":"x"}`), "the tensors end at byte 4 of 64"},
	} {
		_, err := Parse(tc.data, "bad.st")
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "bad.st") {
			t.Errorf("%s: got %v, want an error with %q", name, err, tc.want)
		}
	}
}

func TestTruncated(t *testing.T) {
	data := encode(t, sample())
	for n := range data {
		if _, err := Parse(data[:n], "cut"); err == nil {
			t.Fatalf("%d of %d bytes were accepted", n, len(data))
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	quantized := tensor.New("w", dtype.Q8_0, 32)
	short := &tensor.Tensor{Name: "w", Type: dtype.F32, Shape: []int{2}, Data: make([]byte, 4)}
	ok := tensor.FromF32("w", []float32{1}, 1)
	for want, tensors := range map[string][]*tensor.Tensor{
		`"w": format q8_0 cannot be stored in safetensors; these can: F32, F16, BF16`: {quantized},
		`"w": 4 bytes, want 8`: {short},
		"two tensors":          {ok, ok},
	} {
		var b bytes.Buffer
		err := WriteTo(&b, tensors)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
		if b.Len() != 0 {
			t.Errorf("%d bytes were written", b.Len())
		}
	}
}

func FuzzParse(f *testing.F) {
	data := encode(f, sample())
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[1,5]}}`, 8))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data, "fuzz")
		if err != nil {
			return
		}
		for _, x := range file.Tensors() {
			x.Decode()
		}
		again := encode(t, file.Tensors())
		if _, err := Parse(again, "again"); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}

func FuzzConfig(f *testing.F) {
	if b, err := os.ReadFile("testdata/tiny/config.json"); err == nil {
		f.Add(b)
	}
	f.Add([]byte(`{"model_type":"llama","rope_scaling":{"type":"linear","factor":2.0}}`))
	f.Add([]byte(`{"architectures":["LlamaForCausalLM"],"num_attention_heads":0,"eos_token_id":[1,2]}`))
	f.Add([]byte(`{"weight_map":{"w":"../x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseIndex(b)
		arch, err := fromConfig(b)
		if err != nil {
			return
		}
		keys, err := arch.keys(b)
		if err != nil {
			return
		}
		again, err := arch.configJSON(keys, nil)
		if err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		keys2, err := arch.keys(again)
		if err != nil {
			t.Fatalf("cannot read what was written: %v\n%s", err, again)
		}
		if fmt.Sprint(keys) != fmt.Sprint(keys2) {
			t.Errorf("keys %v became %v", keys, keys2)
		}
	})
}
