package bench

import (
	"cmp"
	"context"
	"slices"
	"time"

	"limbeck/nn/op"
)

// A Profile tells where the time of one work went.
type Profile struct {
	Work    Work    `json:"work"`
	Seconds float64 `json:"seconds"` // of all of it
	Parts   []Spent `json:"parts"`   // in order of their time; together all of it
	Idle    float64 `json:"idle"`    // share of the threads' time, in all of it, that they waited
}

// Spent is the time of one kind of operation.
type Spent struct {
	Op      string  `json:"op"`
	Weight  string  `json:"weight,omitempty"` // that it multiplies by
	Seconds float64 `json:"seconds"`
}

// operations names the operations for people; others keep their own name.
var operations = map[string]string{
	"matMul": "product", "attention": "attention", "rmsNorm": "norm", "rope": "rotation", "swiGLU": "activation",
	"addScaled": "sum", "embed": "embedding", "gather": "choice of rows", op.Outside: "sampling",
}

// heads are the weights that make logits.
var heads = []string{"output", "token_embd"}

// profile does a work again and tells where its time goes.
func (t *timer) profile(ctx context.Context, w Work) (*Profile, error) {
	if _, err := t.rate(ctx, w); err != nil { // what decodes has read its prompt
		return nil, err
	}
	tape := t.runner.Tape()
	p := &op.Profile{}
	tape.Profile = p
	defer func() { tape.Profile = nil }()
	t.pool.Watch()
	start := time.Now()
	p.Start()
	if _, err := t.rate(ctx, w); err != nil {
		return nil, err
	}
	spent, took := p.Stop(), time.Since(start)
	runs, work := t.pool.Spent()
	return newProfile(w, spent, took, runs, work, t.pool.Threads()), nil
}

// newProfile sums up what a tape and a pool of so many threads counted.
func newProfile(w Work, spent map[op.Spender]time.Duration, took, runs, work time.Duration, threads int) *Profile {
	out := &Profile{Work: w, Seconds: took.Seconds()}
	for s, d := range spent {
		name := s.Op
		if n := operations[s.Op]; n != "" {
			name = n
		}
		if s.Op == "matMul" && slices.Contains(heads, s.Weight) {
			name = "head"
		}
		out.Parts = append(out.Parts, Spent{name, s.Weight, d.Seconds()})
	}
	slices.SortFunc(out.Parts, func(a, b Spent) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Op+a.Weight, b.Op+b.Weight))
	})
	// Outside of runs one thread works.
	if all := took.Seconds() * float64(threads); all > 0 {
		out.Idle = max(0, 1-(work+took-runs).Seconds()/all)
	}
	return out
}

// profiled picks what a profile is made of: the longest prompt, and the decode
// of one sequence after the most tokens.
func profiled(works []Work) []Work {
	var prompt, decode *Work
	for i := range works {
		switch w := &works[i]; {
		case w.Kind == Prompt && (prompt == nil || w.Tokens > prompt.Tokens):
			prompt = w
		case w.Kind == Decode && w.Batch == 1 && (decode == nil || w.Tokens > decode.Tokens):
			decode = w
		}
	}
	var out []Work
	for _, w := range []*Work{prompt, decode} {
		if w != nil {
			out = append(out, *w)
		}
	}
	return out
}
