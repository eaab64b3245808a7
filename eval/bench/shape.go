package bench

import (
	"cmp"

	"limbeck/internal/machine"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/generate"
	"limbeck/nn/op"
)

// A Shape is what a model's passes cost: bytes to read, and arithmetic to do.
type Shape struct {
	Bytes     int64         `json:"weight_bytes"`         // of the matrices that every pass reads
	KV        int64         `json:"kv_bytes"`             // of one position
	Blocks    op.Arithmetic `json:"block_arithmetic"`     // of one token
	Head      op.Arithmetic `json:"head_arithmetic"`      // of one token's logits
	Attention op.Arithmetic `json:"attention_arithmetic"` // of one token with one other
	Context   int           `json:"context"`
	Memory    int64         `json:"memory_bytes"` // of all weights, ready to run
}

// ShapeOf returns the costs of m, packed or not, when it runs with precision p.
func ShapeOf(m *model.Model, p generate.Precision) Shape {
	c := m.Config()
	attention := op.AttentionArithmetic(p.Cache(), op.Heads{Query: c.Heads, KV: c.KVHeads, Dim: c.HeadDim})
	s := Shape{KV: int64(c.KVBytes(p.Cache(), 1)), Context: c.Context, Attention: attention.Times(float64(c.Layers))}
	for _, w := range m.Weights() {
		bytes := w.ReadBytes()
		s.Memory += bytes
		head := w.Name == headOf(c)
		if w.Rows == 1 || w.Name == arch.Embedding && !head {
			continue // vectors, and a table of which a token needs one row
		}
		s.Bytes += bytes
		to := &s.Blocks
		if head {
			to = &s.Head
		}
		*to = to.Plus(w.Arithmetic(p.Exact))
	}
	return s
}

// headOf returns the name of the weight that makes logits.
func headOf(c arch.Config) string {
	if c.Tied {
		return arch.Embedding
	}
	return arch.Output
}

// Bound returns the tokens a second that limits allow for a work, and what
// would have to be faster: "memory" or "arithmetic". A pass takes at least as
// long as its bytes take to be read, and as its operations take. Of requests, it is
// said of what takes longer: to read the prompts, or to write the replies.
func (s *Shape) Bound(w Work, l *machine.Limits) (rate float64, by string) {
	n, b := float64(w.Tokens), float64(w.Batch)
	switch w.Kind {
	case Prompt:
		t, by := s.seconds(n, 1, n*(n+1)/2, 0, l)
		return n / t, by
	case Decode:
		at := n + float64(w.Write)/2
		t, by := s.seconds(b, b, b*at, b*at, l)
		return b / t, by
	}
	read, by := s.seconds(n*b, b, b*n*(n+1)/2, 0, l)
	at := n + float64(w.Write)/2
	write, byWriting := s.seconds(b, b, b*at, b*at, l)
	if write *= float64(w.Write - 1); write > read {
		by = byWriting
	}
	return b * float64(w.Write) / (read + write), by
}

// seconds returns what a pass takes at least, with so many tokens and rows of
// logits, so many pairs of tokens that attention compares, and so many positions of
// caches that it reads.
func (s *Shape) seconds(tokens, rows, pairs, positions float64, l *machine.Limits) (t float64, by string) {
	a := s.Blocks.Times(tokens).Plus(s.Head.Times(rows)).Plus(s.Attention.Times(pairs))
	return secondsOf(op.Cost{Bytes: float64(s.Bytes) + float64(s.KV)*positions, Arithmetic: a}, l)
}

// secondsOf returns the seconds that limits allow for a cost, and what would have to be
// faster. Where no rate of bf16 was measured, the one of f32 counts.
func secondsOf(c op.Cost, l *machine.Limits) (t float64, by string) {
	a, f32 := c.Arithmetic, l.Of("f32")
	compute := 0.0
	for _, x := range []struct{ n, rate float64 }{{a.Int8, l.Of("int8")}, {a.BF16, cmp.Or(l.Of("bf16"), f32)}, {a.F32, f32}} {
		if x.n > 0 {
			compute += x.n / x.rate
		}
	}
	if read := c.Bytes / l.Read.All; read > compute {
		return read, byMemory
	}
	return compute, byArithmetic
}

// What would have to be faster: reading where it takes the longest, or else
// products.
const (
	byMemory     = "memory"
	byArithmetic = "arithmetic"
)

// BeyondMemoryNote explains, beside a table, shares of which [BeyondMemory] is true.
const BeyondMemoryNote = "Shares over 100 % of the limit of memory are of weights that stay in the processor's caches, which are faster than memory."

// BeyondMemory tells whether a share of a limit, which is by what [Shape.Bound] says,
// is more than memory alone would allow.
func BeyondMemory(by string, share float64) bool { return by == byMemory && share > 1 }
