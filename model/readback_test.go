package model_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"limbeck/compress/quantize"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/gguf"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// stored gives tensors by name.
type stored map[string]*tensor.Tensor

// Tensor implements [limbeck/nn.Source].
func (s stored) Tensor(name string, _, _ int) *tensor.Tensor { return s[name] }

// random returns a model of a shape, with norms that differ.
func random(t *testing.T, c arch.Config) *model.Model {
	t.Helper()
	spec := testkit.Model(1).Tokenizer.Spec()
	c.Vocab = len(spec.Tokens)
	src := stored{}
	for _, w := range testkit.Decoder(c, dtype.F32, 6).Weights() {
		src[w.Name] = w.Tensor()
	}
	m, err := model.New(c, src, spec, testkit.Template)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func quantized(t *testing.T, m *model.Model, f *dtype.Type) *model.Model {
	t.Helper()
	pool := par.New(0)
	defer pool.Close()
	var b bytes.Buffer
	must(t, quantize.Write(t.Context(), &b, m, quantize.Options{Format: f}, pool))
	file, err := gguf.Parse(b.Bytes(), "quantized")
	must(t, err)
	q, err := model.FromGGUF(file)
	must(t, err)
	return q
}

// What is written in a format reads back to the same tensors, tied and untied:
// from a file, from a folder made of the file, and from a file made of that. A
// folder keeps f32, f16 and bf16, and holds what other formats decode to.
func TestEveryFormatReadsBack(t *testing.T) {
	for _, shape := range []arch.Config{
		testkit.Even("llama", true), testkit.Even("llama", false), testkit.Odd("llama", true), testkit.Odd("llama", false),
	} {
		m := random(t, shape)
		for _, f := range dtype.Writable() {
			t.Run(fmt.Sprintf("%s, width %d, tied %v", f, shape.Width, shape.Tied), func(t *testing.T) {
				want := quantized(t, m, f)
				dir := t.TempDir()
				file, folder, back := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "folder"), filepath.Join(dir, "b.gguf")
				must(t, want.Save(file))
				must(t, open(t, file).SaveFolder(folder))
				must(t, open(t, folder).Save(back))
				sameModel(t, file, want, tensorsOf(want))
				sameModel(t, folder, want, folderTensors(want))
				sameModel(t, back, want, folderTensors(want))
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func tensorsOf(m *model.Model) (out []*tensor.Tensor) {
	for _, w := range m.Weights() {
		out = append(out, w.Tensor())
	}
	return out
}

// folderTensors returns m's tensors in the formats that a folder has.
func folderTensors(m *model.Model) []*tensor.Tensor {
	out := tensorsOf(m)
	for i, x := range out {
		if x.Type.Len > 1 {
			out[i] = tensor.FromF32(x.Name, x.Decode(), x.Shape...)
		}
	}
	return out
}

// sameModel opens path, which must hold want with these tensors.
func sameModel(t *testing.T, path string, want *model.Model, tensors []*tensor.Tensor) {
	t.Helper()
	got := open(t, path)
	name := filepath.Base(path)
	shape := want.Config()
	shape.NormEps = float64(float32(shape.NormEps)) // as files store it
	if got.Config() != shape {
		t.Errorf("%s: shape %+v, want %+v", name, got.Config(), shape)
	}
	spec, wanted := got.Tokenizer.Spec(), want.Tokenizer.Spec()
	spec.ChatTemplate, wanted.ChatTemplate = "", "" // the model's own counts
	if !reflect.DeepEqual(spec, wanted) || got.TemplateSource() != want.TemplateSource() {
		t.Errorf("%s: another tokenizer or template", name)
	}
	read := tensorsOf(got)
	if len(read) != len(tensors) {
		t.Fatalf("%s: %d tensors, want %d", name, len(read), len(tensors))
	}
	for i, x := range tensors {
		y := read[i]
		if y.Name != x.Name || y.Type != x.Type || !bytes.Equal(y.Data, x.Data) {
			t.Errorf("%s: tensor %q in %s, want %q in %s; same bytes %v", name, y.Name, y.Type, x.Name, x.Type, bytes.Equal(y.Data, x.Data))
		}
	}
}

// Folders of other programs have their vectors in bf16 or f16. They are computed with,
// and written, as f32.
func TestVectorsInAnyFormat(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	logits := func(m *model.Model) []float32 {
		tape := op.NewTape(pool)
		return slices.Clone(m.Head(tape, m.Forward(tape, op.One([]int{1, 2, 3}, nil)), []int{2}).Data)
	}
	isNaN := func(v float32) bool { return v != v }
	want := random(t, testkit.Even("llama", true))
	for _, f := range []*dtype.Type{dtype.F32, dtype.F16, dtype.BF16} {
		src := stored{}
		for _, tensor := range tensorsOf(want) {
			converted, err := tensor.Convert(f, nil)
			must(t, err)
			src[tensor.Name] = converted
		}
		m, err := model.New(want.Config(), src, want.Tokenizer.Spec(), testkit.Template)
		must(t, err)
		path := filepath.Join(t.TempDir(), "m.gguf")
		must(t, m.Save(path))
		again := open(t, path)
		for _, w := range again.Weights() {
			if vector := w.Rows == 1; vector != (w.Type() == dtype.F32) && f != dtype.F32 {
				t.Errorf("%s of a model in %s is written as %s", w.Name, f, w.Type())
			}
		}
		if got, want := logits(again), logits(m); !slices.Equal(got, want) || slices.ContainsFunc(got, isNaN) {
			t.Errorf("%s: other logits once written", f)
		}
	}
}
