package bench

import (
	"cmp"
	"context"
	"slices"
	"time"

	"limbeck/eval/report"
	"limbeck/internal/machine"
	"limbeck/model/arch"
	"limbeck/nn/op"
)

// A Profile tells where the time of one work went.
type Profile struct {
	Work    Work    `json:"work"`
	Seconds float64 `json:"seconds"` // of all of it
	Parts   []Spent `json:"parts"`   // in order of their time; together all of it
	Idle    float64 `json:"idle"`    // share of the threads' time, in all of it, that they waited
}

// Spent is the time of one kind of operation, and what it had to do in it.
type Spent struct {
	Op      string  `json:"op"`
	Weight  string  `json:"weight,omitempty"` // that it multiplies by
	Seconds float64 `json:"seconds"`
	op.Cost
	By    string     `json:"limited_by,omitempty"` // memory or arithmetic; none where neither is what it takes
	Share report.Num `json:"share_of_limit"`
}

// judge sets how near the parts came to the limits of the machine.
func (p *Profile) judge(l *machine.Limits) {
	for i := range p.Parts {
		s := &p.Parts[i]
		if least, by := secondsOf(s.Cost, l); least > 0 {
			s.By, s.Share = by, report.N(least/s.Seconds)
		}
	}
}

// operations names the operations for people; others keep their own name.
var operations = map[string]string{
	"matMul": "product", "attention": "attention", "rmsNorm": "norm", "rope": "rotation", "swiGLU": "activation",
	"gated":     "gated unit",
	"addScaled": "sum", "embed": "embedding", "gather": "choice of rows", op.Outside: "sampling",
}

// heads are the weights that make logits.
var heads = []string{"output", "token_embd"}

// profile does a work again and tells where its time goes.
func (t *timer) profile(ctx context.Context, w Work) (*Profile, error) {
	if err := t.ready(ctx, w); err != nil {
		return nil, err
	}
	tape := t.runner.Tape()
	p := &op.Profile{}
	tape.Profile = p
	defer func() { tape.Profile = nil }()
	var start time.Time
	begin := func() {
		t.pool.Watch()
		start = time.Now()
		p.Start()
	}
	if w.Kind == Decode && w.Batch > 1 { // its rate counts from when all have written
		m := t.runner.Model
		defer func(whole arch.Model) { m.Model = whole }(m.Model)
		m.Model = &decoding{m.Model, begin}
	}
	begin()
	if _, err := t.do(ctx, w); err != nil {
		return nil, err
	}
	spent, took := p.Stop(), time.Since(start)
	runs, work := t.pool.Spent()
	return newProfile(w, spent, took, runs, work, t.pool.Threads()), nil
}

// decoding is a model that tells of its first pass after those that read prompts:
// over one token of each sequence, and none that begins.
type decoding struct {
	arch.Model
	begin func() // nil once it was told
}

func (m *decoding) Forward(t *op.Tape, b op.Batch) *op.Value {
	reads := func(s op.Seq) bool { return s.Len > 1 || s.KV.Len() == 0 }
	if m.begin != nil && !slices.ContainsFunc(b.Seqs, reads) {
		m.begin()
		m.begin = nil
	}
	return m.Model.Forward(t, b)
}

// newProfile sums up what a tape and a pool of so many threads counted.
func newProfile(w Work, spent map[op.Spender]op.Spent, took, runs, work time.Duration, threads int) *Profile {
	out := &Profile{Work: w, Seconds: took.Seconds()}
	for s, x := range spent {
		name := s.Op
		if n := operations[s.Op]; n != "" {
			name = n
		}
		if s.Op == "matMul" && slices.Contains(heads, s.Weight) {
			name = "head"
		}
		out.Parts = append(out.Parts, Spent{Op: name, Weight: s.Weight, Seconds: x.Time.Seconds(), Cost: x.Cost})
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

// profiled picks what a profile is made of: the longest prompt, the decode of one
// sequence after the most tokens, that of the most sequences, and the most requests.
func profiled(works []Work) []Work {
	var out []Work
	for _, w := range works {
		alike := func(o Work) bool { return o.Kind == w.Kind && (o.Batch > 1) == (w.Batch > 1) }
		if i := slices.IndexFunc(out, alike); i < 0 {
			out = append(out, w)
		} else if cmp.Or(cmp.Compare(w.Batch, out[i].Batch), cmp.Compare(w.Tokens, out[i].Tokens)) > 0 {
			out[i] = w
		}
	}
	return out
}
