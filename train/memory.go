package train

import (
	"limbeck/model/arch"
	"limbeck/nn/op"
)

// A Plan is how much memory a training takes, and what it does to take no more. What
// each thread holds is left out: of attention on the way back 1.4 kB a token of the
// longest sequence, for heads of 64 channels; of products of few rows 16 KiB.
type Plan struct {
	Tokens    int   // of a pass, at most
	Recompute int   // blocks, the first ones, that run again on the way back
	Bytes     int64 // held at the peak: the program and the examples apart
}

// NewPlan returns the plan of training so many weights, of a model of shape c or
// beside it, on sequences of so many tokens in all, and in the longest. Of frozen
// weights and of a loss's own memory it knows nothing. It computes as few blocks
// twice as bring it below o.Memory; all but the last, which losses may listen
// to, if that does not suffice.
func NewPlan(c arch.Config, trained, all, longest int, o *Options) Plan {
	tokens := max(longest, min(o.BatchTokens, o.MicroTokens, all))
	states := 4 // weights, gradients, two moments
	if o.Aware {
		states++ // masters
	}
	if o.Checkpoint == "" {
		states++ // the best weights, for want of a folder
	}
	gemm := op.GEMM{BF16: o.BF16}
	fixed := states*trained + scratchFloats(c, tokens, &gemm)
	for p := (Plan{Tokens: tokens}); ; p.Recompute++ {
		pass := max(passFloats(c, tokens, p.Recompute, gemm.Pairs()), SweepFloats(c, sweepTokens, true))
		p.Bytes = 4 * int64(fixed+pass)
		if o.Memory <= 0 || p.Bytes <= o.Memory || p.Recompute == c.Layers-1 {
			return p
		}
	}
}

// passFloats is what a tape holds of a pass that is recorded: of every block
// queries, keys and values, the sums of attention's rows, gate and up, and the
// states after both halves, and in pairs of bf16 attention's output; then what lives
// while a block runs back.
func passFloats(c arch.Config, tokens, recompute int, pairs bool) int {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	block := q + 2*kv + c.Heads + 2*c.FFN + 2*c.Width
	if pairs {
		block += q / 2
	}
	kept := (c.Layers-recompute)*block + recompute*c.Width
	ends := 3 * c.Width                      // embedded, normalized, the rows with loss
	live := 3*q + 2*kv + 4*c.FFN + 2*c.Width // inputs that are made again, and gradients
	head := tokens*c.Width + min(tokens, op.HeadRows(c.Vocab))*c.Vocab
	if recompute > 0 {
		head = max(head, tokens*blockFloats(c))
	}
	return tokens*(kept+ends+live) + head
}

// blockFloats is what the memory of one token takes while a block runs forward.
func blockFloats(c arch.Config) int {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	return 2*c.Width + max(2*q+4*kv, 2*c.FFN)
}

// SweepFloats is what a tape holds of passes forward over so many tokens, each
// of up to [sweepTokens], with logits or without.
func SweepFloats(c arch.Config, tokens int, head bool) int {
	tokens = min(tokens, sweepTokens)
	n := tokens * (c.Width + blockFloats(c))
	if head {
		n = max(n, 3*tokens*c.Width+min(tokens, op.HeadRows(c.Vocab))*c.Vocab)
	}
	return n
}

// scratchFloats is what products of a training pass pack their factors in.
func scratchFloats(c arch.Config, tokens int, g *op.GEMM) int {
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	a, b := 0, 0
	for _, w := range [][3]int{
		{tokens, q, c.Width}, {tokens, kv, c.Width}, {tokens, c.Width, q}, {tokens, c.FFN, c.Width}, {tokens, c.Width, c.FFN},
		{min(tokens, op.HeadRows(c.Vocab)), c.Vocab, c.Width},
	} {
		rows, out, in := w[0], w[1], w[2]
		for _, product := range [][3]int{{rows, in, out}, {rows, out, in}, {out, rows, in}} {
			x, y := g.Scratch(product[0], product[1], product[2])
			a, b = max(a, x), max(b, y)
		}
	}
	return a + b
}
