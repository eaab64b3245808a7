package bench

import (
	"limbeck/internal/machine"
	"limbeck/model"
	"limbeck/model/generate"
	"limbeck/nn/op"
)

// A Shape is what a model's passes cost: bytes to read, and multiplications
// and additions to do.
type Shape struct {
	Bytes     int64   `json:"weight_bytes"`         // of the matrices that every pass reads
	KV        int64   `json:"kv_bytes"`             // of one position
	Int8      float64 `json:"int8_operations"`      // of one token in the blocks, with int8 activations
	F32       float64 `json:"f32_operations"`       // with f32 activations
	HeadInt8  float64 `json:"head_int8_operations"` // of one token's logits
	HeadF32   float64 `json:"head_f32_operations"`
	Attention float64 `json:"attention_operations"` // f32, of one token with one other
	Context   int     `json:"context"`
	Memory    int64   `json:"memory_bytes"` // of all weights, ready to run
}

// ShapeOf returns the costs of m, packed or not, when it runs with precision p.
func ShapeOf(m *model.Model, p generate.Precision) Shape {
	c := m.Config()
	s := Shape{KV: int64(c.KVBytes(p.Cache(), 1)), Context: c.Context, Attention: 4 * float64(c.Layers*c.Heads*c.HeadDim)}
	for _, w := range m.Weights() {
		bytes, int8 := stored(w)
		s.Memory += bytes
		head := w.Name == "output.weight" || c.Tied && w.Name == "token_embd.weight"
		if w.Rows == 1 || w.Name == "token_embd.weight" && !head {
			continue // vectors, and a table of which a token needs one row
		}
		s.Bytes += bytes
		ops := 2 * float64(w.Rows) * float64(w.Cols)
		switch {
		case head && int8 && !p.Exact:
			s.HeadInt8 += ops
		case head:
			s.HeadF32 += ops
		case int8 && !p.Exact:
			s.Int8 += ops
		default:
			s.F32 += ops
		}
	}
	return s
}

// stored returns the bytes of w's elements as products read them, and whether
// these take int8 activations.
func stored(w *op.Weight) (bytes int64, int8 bool) {
	if l := w.Fast(); l != nil {
		return int64(l.Bytes(w.Rows, w.Cols)), l.Int8()
	}
	t := w.Type()
	return int64(w.Rows) * int64((w.Cols+t.Len-1)/t.Len) * int64(t.Size), false
}

// Bound returns the tokens a second that limits allow for a work, and what
// would have to be faster: "memory" or "arithmetic". A pass takes at least as
// long as its bytes take to be read, and as its operations take.
func (s *Shape) Bound(w Work, l *machine.Limits) (rate float64, by string) {
	n, b := float64(w.Tokens), float64(w.Batch)
	switch w.Kind {
	case Prompt:
		t, by := s.seconds(n, 1, s.Attention*n*(n+1)/2, 0, l)
		return n / t, by
	case Decode:
		at := n + float64(w.Write)/2
		t, by := s.seconds(b, b, s.Attention*b*at, float64(s.KV)*b*at, l)
		return b / t, by
	}
	read, by := s.seconds(n*b, b, s.Attention*b*n*(n+1)/2, 0, l)
	at := n + float64(w.Write)/2
	step, _ := s.seconds(b, b, s.Attention*b*at, float64(s.KV)*b*at, l)
	return b * float64(w.Write) / (read + float64(w.Write-1)*step), by
}

// seconds returns what a pass takes at least, with so many tokens and rows of
// logits, so many operations of attention and so many bytes of cache.
func (s *Shape) seconds(tokens, rows, attention, cache float64, l *machine.Limits) (t float64, by string) {
	read := (float64(s.Bytes) + cache) / l.Read.All
	compute := 0.0
	if n := s.Int8*tokens + s.HeadInt8*rows; n > 0 {
		compute += n / l.Of("int8")
	}
	compute += (s.F32*tokens + s.HeadF32*rows + attention) / l.Of("f32")
	if read > compute {
		return read, byMemory
	}
	return compute, "arithmetic"
}

// byMemory is what would have to be faster where reading takes the longest.
const byMemory = "memory"

// BeyondMemoryNote explains, beside a table, shares of which [BeyondMemory] is true.
const BeyondMemoryNote = "Shares over 100 % of the limit of memory are of weights that stay in the processor's caches, which are faster than memory."

// BeyondMemory tells whether a share of a limit, which is by what [Shape.Bound] says,
// is more than memory alone would allow.
func BeyondMemory(by string, share float64) bool { return by == byMemory && share > 1 }
