package quantize

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testfiles"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/gguf"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// llamaQuantize rewrites testdata/small.json with the digests of what that
// program makes of the model of the test:
//
//	go test ./compress/quantize -run Small -llama-quantize build/bin/llama-quantize
var llamaQuantize = flag.String("llama-quantize", "", "rewrite testdata/small.json by this program of llama.cpp")

const smallGolden = "testdata/small.json"

// digests are SHA-256 of the bytes of tensors, by format and name.
type digests map[string]map[string]string

type golden struct {
	Plain, Weighted digests
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// formats are those that models are quantized to, and which of them weigh.
func formats() (all, weighing []*dtype.Type) {
	for _, t := range dtype.Writable() {
		if t == dtype.F32 {
			continue
		}
		all = append(all, t)
		if t.EncodeWeighted != nil {
			weighing = append(weighing, t)
		}
	}
	return all, weighing
}

// randomImportance returns an importance of every matrix within a block of m:
// over several powers of ten, with columns that nothing came through. No whole
// block is such: there llama.cpp would store zeros, and we round to nearest.
func randomImportance(m *model.Model) *Importance {
	r := rand.New(rand.NewPCG(5, 6))
	imp := &Importance{map[string][]float64{}, map[string]int{}}
	for _, w := range m.Weights() {
		if w.Rows == 1 || w.Name == "token_embd.weight" {
			continue
		}
		v := make([]float64, w.Cols)
		for i := range v {
			if x := r.NormFloat64(); r.IntN(9) > 0 {
				v[i] = float64(float32(x * x * float64(r.IntN(1000))))
			}
		}
		imp.squares[w.Name], imp.rows[w.Name] = v, 1
	}
	return imp
}

// What quantization makes of a small model is, to the byte, what llama.cpp's
// makes, in every format, without and with an importance matrix.
func TestSmallModelAsLlamaQuantize(t *testing.T) {
	m := testkit.Model(7)
	imp := randomImportance(m)
	if *llamaQuantize != "" {
		record(t, m, imp)
	}
	text, err := os.ReadFile(smallGolden)
	if err != nil {
		t.Fatal(err)
	}
	var want golden
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	compare := func(what string, formats []*dtype.Type, want digests, imp *Importance) {
		if len(want) != len(formats) {
			t.Errorf("%s: the golden file has %d formats, want %d", what, len(want), len(formats))
		}
		for _, f := range formats {
			for _, w := range applied(t, m, Options{Format: f, Embedding: f, Importance: imp}, 2).Weights() {
				if w.Rows > 1 && (w.Type() != f || digest(w.Tensor().Data) != want[f.Name][w.Name]) {
					t.Errorf("%s, %s, %s: other bytes than llama-quantize's", what, f, w.Name)
				}
			}
		}
	}
	all, weighing := formats()
	compare("plain", all, want.Plain, nil)
	compare("weighted", weighing, want.Weighted, imp)
	for _, f := range weighing { // or the importance would not be tested
		for name, d := range want.Plain[f.Name] {
			if (d == want.Weighted[f.Name][name]) != (name == "token_embd.weight") {
				t.Errorf("%s, %s: with importance the same bytes as without: %v", f, name, name != "token_embd.weight")
			}
		}
	}
}

// record writes the golden file.
func record(t *testing.T, m *model.Model, imp *Importance) {
	t.Helper()
	dir := t.TempDir()
	in, matrix, out := filepath.Join(dir, "in.gguf"), filepath.Join(dir, "imatrix.gguf"), filepath.Join(dir, "out.gguf")
	if err := m.Save(in); err != nil {
		t.Fatal(err)
	}
	writeMatrix(t, matrix, imp)
	run := func(f *dtype.Type, flags ...string) map[string]string {
		args := append(append([]string{"--pure"}, flags...), in, out, f.Name, "1")
		if text, err := exec.Command(*llamaQuantize, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", f, err, text)
		}
		file, err := gguf.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		d := map[string]string{}
		for _, x := range file.Tensors() {
			if rows, _ := x.Matrix(); rows > 1 {
				if x.Type != f {
					t.Fatalf("llama-quantize made %s of %s, want %s", x.Type, x.Name, f)
				}
				d[x.Name] = digest(x.Data)
			}
		}
		return d
	}
	g := golden{digests{}, digests{}}
	all, weighing := formats()
	for _, f := range all {
		g.Plain[f.Name] = run(f)
	}
	for _, f := range weighing {
		g.Weighted[f.Name] = run(f, "--imatrix", matrix)
	}
	text, err := json.MarshalIndent(g, "", " ")
	if err == nil {
		err = os.WriteFile(smallGolden, append(text, '\n'), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// writeMatrix writes an importance matrix as llama-imatrix does.
func writeMatrix(t *testing.T, path string, imp *Importance) {
	t.Helper()
	var meta gguf.Meta
	meta.Set("general.type", "imatrix")
	meta.Set("imatrix.datasets", []string{"none"})
	meta.Set("imatrix.chunk_count", uint32(1))
	meta.Set("imatrix.chunk_size", uint32(512))
	var tensors []*tensor.Tensor
	for name, squares := range imp.squares {
		v := make([]float32, len(squares))
		for i, s := range squares {
			v[i] = float32(s)
		}
		tensors = append(tensors, tensor.FromF32(name+".in_sum2", v, 1, len(v)), tensor.FromF32(name+".counts", []float32{1}, 1, 1))
	}
	slices.SortFunc(tensors, func(a, b *tensor.Tensor) int { return strings.Compare(a.Name, b.Name) })
	if err := gguf.Write(path, &meta, tensors); err != nil {
		t.Fatal(err)
	}
}

// The same of a real model's weights, with a real importance matrix; see
// testdata/llama_quantize.py.
func TestSmolLM2AsLlamaQuantize(t *testing.T) {
	f, err := gguf.Open(testfiles.Model(t, testfiles.SmolLM2))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := os.ReadFile("testdata/llama_quantize.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Importance, F32 map[string]string
		Plain, Weighted digests
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	pool := par.New(2)
	defer pool.Close()
	check := func(x *tensor.Tensor, to string, importance []float32, want string) {
		format, err := Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		var q bytes.Buffer
		c := &conversion{from: x, to: format, importance: importance, scratch: make([][]float32, pool.Threads())}
		if err := c.write(t.Context(), &q, pool); err != nil {
			t.Fatal(err)
		}
		if digest(q.Bytes()) != want {
			t.Errorf("%s, %s, weighted %v: other bytes than llama-quantize's", x.Name, to, importance != nil)
		}
	}
	for name, sum := range want.F32 {
		if name == "all" || testing.Short() && name != "blk.0.attn_k.weight" {
			continue
		}
		x := scaled(f.Tensor(name))
		check(x, "f32", nil, sum)
		for format, d := range want.Plain {
			check(x, format, nil, d[name])
		}
		b, err := base64.StdEncoding.DecodeString(want.Importance[name])
		if err != nil {
			t.Fatal(err)
		}
		for format, d := range want.Weighted {
			if len(b) > 0 {
				check(x, format, dtype.Floats(b), d[name])
			}
		}
	}
}

// scaled decodes a tensor and multiplies its columns as the recipe does.
func scaled(x *tensor.Tensor) *tensor.Tensor {
	rows, cols := x.Matrix()
	v := x.Decode()
	for i := range v {
		v[i] *= 1 + float32(i%cols%7)/8
	}
	return tensor.FromF32(x.Name, v, rows, cols)
}
