package arch_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// each runs f for every architecture of the registry, with and without tied
// tables.
func each(t *testing.T, f func(t *testing.T, name string, tied bool)) {
	t.Helper()
	for _, name := range arch.Names() {
		for _, tied := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, tied %v", name, tied), func(t *testing.T) { f(t, name, tied) })
		}
	}
}

// The gradient of the whole model's loss by each of its weights, over packed
// documents of odd lengths.
func TestModelGradient(t *testing.T) {
	each(t, func(t *testing.T, name string, tied bool) {
		c := testkit.Odd(name, tied)
		m := testkit.Decoder(c, dtype.F32, 1)
		for _, w := range m.Weights() {
			w.SetTrainable()
		}
		r := rand.New(rand.NewPCG(2, 3))
		b := op.Batch{Seqs: []op.Seq{{Len: 7}, {Len: 1}, {Len: 5}}}
		b.IDs = testkit.IDs(r, 13, c.Vocab)
		rows := []int{2, 3, 4, 5, 6, 7, 10, 12}
		loss := &op.CrossEntropy{Targets: testkit.IDs(r, len(rows), c.Vocab), Weight: 1 / float32(len(rows))}
		testkit.CheckGradient(t, nil, m.Weights(), func(t *op.Tape, _ []*op.Value) *op.Value {
			return m.Loss(t, m.Forward(t, b), rows, loss)
		})
	})
}

// As reports that lie in the repository have it.
func TestShape(t *testing.T) {
	c := arch.Config{Layers: 30, Width: 576, Heads: 9, KVHeads: 3, HeadDim: 64, FFN: 1536, Vocab: 49283, Context: 8192}
	if got, want := c.Shape(), "30 layers, 576 wide, 9 heads, feed-forward 1536, 49283 tokens"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A shape's parameters are those of its weights.
func TestParams(t *testing.T) {
	each(t, func(t *testing.T, name string, tied bool) {
		m := testkit.Decoder(testkit.Odd(name, tied), dtype.F32, 4)
		n := 0
		for _, w := range m.Weights() {
			n += w.Rows * w.Cols
		}
		if want := m.Config().Params(); n != want {
			t.Errorf("%d parameters, the shape says %d", n, want)
		}
	})
}

// Every weight is bound by its name: one that is missing, or of another shape,
// is an error that names it.
func TestEveryWeightIsWanted(t *testing.T) {
	each(t, func(t *testing.T, name string, tied bool) {
		c := testkit.Odd(name, tied)
		for _, w := range testkit.Decoder(c, dtype.F32, 1).Weights() {
			for _, shape := range [][]int{nil, {w.Rows + 1, w.Cols}, {w.Rows, w.Cols + 1}} {
				_, err := arch.New(c, except{testkit.Random{Rand: rand.New(rand.NewPCG(1, 1))}, w.Name, shape})
				if err == nil || !strings.Contains(err.Error(), w.Name) {
					t.Errorf("%s of shape %v: error %v, want one that names it", w.Name, shape, err)
				}
			}
		}
	})
}

// The table and the head have the names that others know them by.
func TestEnds(t *testing.T) {
	each(t, func(t *testing.T, name string, tied bool) {
		c := testkit.Odd(name, tied)
		want := map[string]bool{arch.Embedding: true, arch.Output: !tied}
		for _, w := range testkit.Decoder(c, dtype.F32, 1).Weights() {
			if want[w.Name] && w.Rows == c.Vocab && w.Cols == c.Width {
				delete(want, w.Name)
			}
		}
		for name, wanted := range want {
			if wanted {
				t.Errorf("no weight %s of a vector for each token", name)
			}
		}
	})
}

// except gives one tensor another shape, or none.
type except struct {
	testkit.Random
	name  string
	shape []int
}

func (e except) Tensor(name string, rows, cols int) *tensor.Tensor {
	if name == e.name && e.shape == nil {
		return nil
	}
	if name == e.name {
		rows, cols = e.shape[0], e.shape[1]
	}
	return e.Random.Tensor(name, rows, cols)
}

// What a shape says is held against the weights before memory is taken by it.
func TestShapeTakesNoMemory(t *testing.T) {
	c := testkit.Odd("llama", true)
	c.HeadDim = 1 << 24
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := arch.New(c, except{testkit.Random{Rand: rand.New(rand.NewPCG(1, 1))}, "blk.0.attn_q.weight", []int{24, 22}})
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), `"blk.0.attn_q.weight": shape [24 22]`) {
		t.Errorf("got %v, want an error of a shape", err)
	}
	if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 0 {
		t.Errorf("%d MB were taken", mb)
	}
}

// A shape that cannot be is an error that names the setting.
func TestImpossibleShapes(t *testing.T) {
	for key, change := range map[string]func(c *arch.Config){
		"block_count":          func(c *arch.Config) { c.Layers = 0 },
		"embedding_length":     func(c *arch.Config) { c.Width = -1 },
		"head_count":           func(c *arch.Config) { c.Heads = 1 << 25 },
		"KV heads":             func(c *arch.Config) { c.Heads, c.KVHeads = 4, 3 },
		"pairs":                func(c *arch.Config) { c.HeadDim = 5 },
		"feed_forward_length":  func(c *arch.Config) { c.FFN = 0 },
		"vocab_size":           func(c *arch.Config) { c.Vocab = 0 },
		"context_length":       func(c *arch.Config) { c.Context = 0 },
		"context_length is 1,": func(c *arch.Config) { c.Context = 1 },
		"layer_norm_rms":       func(c *arch.Config) { c.NormEps = math.NaN() },
		"rope.freq_base":       func(c *arch.Config) { c.RopeBase = math.Inf(1) },
		"epsilon is 1e-60":     func(c *arch.Config) { c.NormEps = 1e-60 },
		"freq_base is 1e-40":   func(c *arch.Config) { c.RopeBase = 1e-40 },
		"freq_base is 1e+40":   func(c *arch.Config) { c.RopeBase = 1e40 },
		"is not known; known":  func(c *arch.Config) { c.Arch = "unheard-of" },
		"head_count_kv is 0, ": func(c *arch.Config) { c.KVHeads = 0 },
	} {
		c := testkit.Odd("llama", true)
		change(&c)
		if _, err := arch.New(c, testkit.Random{Rand: rand.New(rand.NewPCG(1, 1))}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error %v, want one about %s", err, key)
		}
	}
}
