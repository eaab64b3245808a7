package arch

import (
	"fmt"

	"limbeck/nn"
	"limbeck/nn/op"
)

func init() { register("llama", newLlama) }

// llama is the decoder of Llama 1 to 3, SmolLM and their kin. Touvron et al.
// 2023, arXiv:2302.13971, sect. 2.2.
//
//	x += Attention(RMSNorm(x)); x += SwiGLU(RMSNorm(x))
type llama struct {
	Embed  nn.Embedding `name:"token_embd"`
	Blocks []llamaBlock `name:"blk"`
	Norm   nn.Norm      `name:"output_norm"`
	Output *nn.Linear   `name:"output"` // nil if tied to Embed

	config Config
	tied   nn.Linear
}

type llamaBlock struct {
	nn.Attention `name:""`
	nn.GatedFFN  `name:""`

	prefix string // of the names of its taps
}

func newLlama(c Config) Model {
	eps := float32(c.NormEps)
	m := &llama{
		Embed:  nn.Embedding{Weight: op.Shaped(c.Vocab, c.Width)},
		Blocks: make([]llamaBlock, c.Layers),
		Norm:   nn.NewNorm(c.Width, eps),
		config: c,
	}
	m.tied = nn.Linear{Weight: m.Embed.Weight}
	if !c.Tied {
		output := nn.NewLinear(c.Width, c.Vocab)
		m.Output = &output
	}
	rope := op.NewRotation(c.HeadDim, c.RopeBase, c.Context)
	heads := op.Heads{Query: c.Heads, KV: c.KVHeads, Dim: c.HeadDim}
	for i := range m.Blocks {
		m.Blocks[i] = llamaBlock{
			nn.NewAttention(i, c.Width, heads, rope, eps),
			nn.NewGatedFFN(c.Width, c.FFN, eps),
			fmt.Sprintf("blk.%d.", i),
		}
	}
	return m
}

func (m *llama) Config() Config { return m.config }

func (m *llama) Weights() []*op.Weight { return nn.Weights(m) }

func (m *llama) Forward(t *op.Tape, b op.Batch) *op.Value {
	x := m.Embed.Forward(t, b)
	for i := range m.Blocks {
		block, in := &m.Blocks[i], b
		if i < len(m.Blocks)-1 {
			in.Rows = nil // the next block's attention reads all of them
		}
		t.Tap(block.prefix, "in", x)
		if i < t.Recompute && in.Rows == nil {
			x = op.Recompute(t, block, x, in)
		} else {
			x = block.Forward(t, x, in)
		}
		t.Tap(block.prefix, "out", x)
	}
	b.Advance()
	return m.Norm.Forward(t, x, nil)
}

// Forward implements [op.Stage].
func (b *llamaBlock) Forward(t *op.Tape, x *op.Value, batch op.Batch) *op.Value {
	return b.GatedFFN.Forward(t, b.Attention.Forward(t, x, batch))
}

func (m *llama) output() *nn.Linear {
	if m.Output != nil {
		return m.Output
	}
	return &m.tied
}

func (m *llama) Head(t *op.Tape, hidden *op.Value, rows []int) *op.Value {
	if rows != nil {
		hidden = op.Rows(t, hidden, rows)
	}
	return m.output().Forward(t, hidden)
}

func (m *llama) Loss(t *op.Tape, hidden *op.Value, rows []int, loss op.RowLoss) *op.Value {
	if rows != nil {
		hidden = op.Rows(t, hidden, rows)
	}
	return op.HeadLoss(t, hidden, m.output().Weight, loss)
}
