package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/nn"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// shapes are those of SmolLM2-135M, but for a context with room after 8,192
// tokens, and of Llama-3.2-1B.
var shapes = map[string]arch.Config{
	"135M": {Arch: "llama", Layers: 30, Width: 576, Heads: 9, KVHeads: 3, HeadDim: 64, FFN: 1536, Vocab: 49152,
		Context: 16384, NormEps: 1e-5, RopeBase: 100000, Tied: true},
	"1B": {Arch: "llama", Layers: 16, Width: 2048, Heads: 32, KVHeads: 8, HeadDim: 64, FFN: 8192, Vocab: 128256,
		Context: 131072, NormEps: 1e-5, RopeBase: 500000, Tied: true},
}

// A file names a model: a shape with random weights in a format.
type file struct{ shape, format string }

func (f file) String() string { return f.shape + " " + strings.ToUpper(f.format) }

// path returns where the model lies.
func (d *driver) path(f file) string {
	return filepath.Join(d.set.dir, "models", f.shape+"-"+f.format+".gguf")
}

// make writes the model if it is not there: weights are rounded to F16, and from
// that to other formats by Limbeck, or to mixes of K-quants by a peer.
func (d *driver) make(ctx context.Context, f file) error {
	to := d.path(f)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	d.progress.say("making %s", to)
	if f.format == "f16" {
		return writeRandom(to, shapes[f.shape], d.set.threads)
	}
	from := file{f.shape, "f16"}
	if err := d.make(ctx, from); err != nil {
		return err
	}
	if !strings.Contains(f.format, "_k_") {
		_, err := d.limbeck("quantize", d.path(from), f.format, "--out", to).run(ctx)
		return err
	}
	if len(d.peers) == 0 {
		return fmt.Errorf("%s is not there, and is made with a peer's llama-quantize, but all are left out", to)
	}
	part := to + ".part"
	if _, err := d.peers[0].quantize(d.path(from), part, f.format).run(ctx); err != nil {
		return err
	}
	return os.Rename(part, to)
}

// writeRandom writes a model of random weights in F16.
func writeRandom(path string, c arch.Config, threads int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	spec, err := vocabulary(c.Vocab)
	if err != nil {
		return err
	}
	pool := par.New(threads)
	defer pool.Close()
	m, err := model.New(c, random{pool}, spec, "")
	if err != nil {
		return err
	}
	m.Meta.Set("general.name", fmt.Sprintf("random weights, %d layers of %d", c.Layers, c.Width))
	err = m.Save(path)
	m = nil
	debug.FreeOSMemory() // the rows need it
	return err
}

// random gives tensors of random elements in F16, which keep the variance of a
// product, and vectors of ones in F32. Each row has a seed of its own.
type random struct{ pool *par.Pool }

// Tensor implements [nn.Source].
func (s random) Tensor(name string, rows, cols int) *tensor.Tensor {
	if rows == 1 {
		return tensor.FromF32(name, slices.Repeat([]float32{1}, cols), rows, cols)
	}
	t := tensor.New(name, dtype.F16, rows, cols)
	s.pool.Run(&filling{t, rows, cols, nn.InitStd(cols)}, (rows+fillRows-1)/fillRows)
	return t
}

const fillRows = 64 // rows a piece

type filling struct {
	t          *tensor.Tensor
	rows, cols int
	std        float64
}

// Do fills the rows of one piece.
func (f *filling) Do(_, piece int) {
	var name uint64
	for _, c := range f.t.Name {
		name = name*31 + uint64(c)
	}
	r := rand.New(rand.NewPCG(name, uint64(piece)))
	row := make([]float32, f.cols)
	for i := piece * fillRows; i < min(f.rows, (piece+1)*fillRows); i++ {
		for k := range row {
			row[k] = float32(r.NormFloat64() * f.std)
		}
		f.t.Type.Encode(f.t.Row(i), row)
	}
}

// vocabulary returns n byte-level tokens: one that ends a text, the bytes, then
// pairs of them, then pairs and a byte.
func vocabulary(n int) (token.Spec, error) {
	const end = "<|endoftext|>"
	spec, err := token.Train(slices.Values([]string{""}), 257, "gpt-2", []string{end})
	if err != nil {
		return spec, err
	}
	bytes := slices.DeleteFunc(slices.Clone(spec.Tokens), func(s string) bool { return s == end })
	for left := bytes; len(spec.Tokens) < n; {
		from := len(spec.Tokens)
		for _, l := range left {
			for _, r := range bytes {
				if len(spec.Tokens) < n {
					spec.Tokens, spec.Types = append(spec.Tokens, l+r), append(spec.Types, token.Normal)
					spec.Merges = append(spec.Merges, l+" "+r)
				}
			}
		}
		left = spec.Tokens[from:]
	}
	spec.EOS = slices.Index(spec.Tokens, end)
	return spec, nil
}
