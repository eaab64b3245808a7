// Package arch lists the architectures that Limbeck runs and trains: one file
// each, names and wiring only. Tensor names, row order and the keys of settings
// are GGUF's. What else knows them, as pruning and the forecasts of memory do,
// docs/architecture.md lists.
package arch

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"limbeck/nn"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

// A Config is the shape of a decoder.
type Config struct {
	Arch     string // GGUF's general.architecture
	Layers   int
	Width    int // embedding channels
	Heads    int // query heads
	KVHeads  int
	HeadDim  int
	FFN      int // neurons of the feed-forward block
	Vocab    int
	Context  int // the longest sequence that the model was made for
	NormEps  float64
	RopeBase float64
	Tied     bool // the output projection is the embedding table
}

// What every architecture calls the table of the tokens' vectors, [Vocab, Width], and
// the matrix that makes logits of hidden states, of the same shape, which a model that
// is tied lacks.
const (
	Embedding = "token_embd.weight"
	Output    = "output.weight"
)

// Shape says in words how large a model is: "30 layers, 576 wide, 9 heads, feed-forward
// 1536, 49283 tokens". Reports that were written once hold it so.
func (c Config) Shape() string {
	return fmt.Sprintf("%d layers, %d wide, %d heads, feed-forward %d, %d tokens", c.Layers, c.Width, c.Heads, c.FFN, c.Vocab)
}

// A Model is a decoder. What it computes depends on its arguments and what a batch's
// caches hold. It serves one goroutine at a time.
type Model interface {
	Config() Config

	// Weights returns all weights, each once, in the order of the files that
	// the project writes.
	Weights() []*op.Weight

	// Forward returns the hidden states after the last norm of the tokens that b
	// wants, a row each, and advances the caches. On a tape that does not record,
	// the states live until the tape is reset.
	Forward(t *op.Tape, b op.Batch) *op.Value

	// Head returns the logits of some rows of the hidden states, [rows, Vocab];
	// nil stands for all of them.
	Head(t *op.Tape, hidden *op.Value, rows []int) *op.Value

	// Loss returns the sum of a loss over some rows of the hidden states, or over all
	// for nil, without holding all logits at once; see [op.HeadLoss].
	Loss(t *op.Tape, hidden *op.Value, rows []int, loss op.RowLoss) *op.Value
}

var makers = map[string]func(Config) Model{}

func register(name string, f func(Config) Model) {
	if makers[name] != nil {
		panic("arch: " + name + " registered twice")
	}
	makers[name] = f
}

// Names returns the architectures that this build knows, sorted.
func Names() []string {
	var names []string
	for n := range makers {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// New returns a model of shape c with weights from src.
func New(c Config, src nn.Source) (Model, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	m := makers[c.Arch](c)
	if err := nn.Bind(m, src); err != nil {
		return nil, err
	}
	return m, nil
}

// Limit bounds every number of a shape, so that products of two fit an int, and
// MostLayers those that are made before their weights are looked for.
const (
	Limit      = 1 << 24
	MostLayers = 1 << 12
)

func (c Config) check() error {
	if makers[c.Arch] == nil {
		return fmt.Errorf("architecture %q is not known; known are: %s", c.Arch, strings.Join(Names(), ", "))
	}
	for _, f := range []struct {
		key         string
		n           int
		least, most int
	}{
		{"block_count", c.Layers, 1, MostLayers}, {"embedding_length", c.Width, 1, Limit},
		{"attention.head_count", c.Heads, 1, Limit}, {"attention.head_count_kv", c.KVHeads, 1, Limit},
		{"attention.key_length", c.HeadDim, 1, Limit}, {"feed_forward_length", c.FFN, 1, Limit},
		// A context has room for a token, and what follows it.
		{"vocab_size", c.Vocab, 1, Limit}, {"context_length", c.Context, 2, Limit},
	} {
		if f.n < f.least || f.n > f.most {
			return fmt.Errorf("%s.%s is %d, want %d to %d", c.Arch, f.key, f.n, f.least, f.most)
		}
	}
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("%s: %d heads cannot share %d KV heads", c.Arch, c.Heads, c.KVHeads)
	}
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("%s: heads of %d channels cannot be rotated in pairs", c.Arch, c.HeadDim)
	}
	if !(float32(c.NormEps) > 0 && c.NormEps < 1) { // it is added in f32
		return fmt.Errorf("%s.attention.layer_norm_rms_epsilon is %g, want a small positive number", c.Arch, c.NormEps)
	}
	if !(c.RopeBase >= 1 && c.RopeBase <= math.MaxFloat32) { // else frequencies can be infinite
		return fmt.Errorf("%s.rope.freq_base is %g, want a number from 1", c.Arch, c.RopeBase)
	}
	return nil
}

// NewKV returns an empty cache, in format t, for one sequence of a model of this
// shape; see [op.NewKV].
func (c Config) NewKV(t *dtype.Type, capacity int) *op.KV {
	return op.NewKV(t, c.Layers, c.KVHeads, c.HeadDim, capacity)
}

// KVBytes returns the size of a cache in format t for capacity positions.
func (c Config) KVBytes(t *dtype.Type, capacity int) int {
	return op.KVBytes(t, c.Layers, c.KVHeads, c.HeadDim, capacity)
}

// Params returns the number of weights.
func (c Config) Params() int {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	layer := 2*c.Width*q + 2*c.Width*kv + 3*c.Width*c.FFN + 2*c.Width
	tables := 2
	if c.Tied {
		tables = 1
	}
	return c.Layers*layer + tables*c.Vocab*c.Width + c.Width
}
