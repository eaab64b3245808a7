package bench

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"limbeck/eval/report"
	"limbeck/internal/machine"
	"limbeck/model/arch"
	"limbeck/nn/op"
)

// A Profile tells where the time of one work went. Seconds, bytes and operations are
// those of one unit of the work, means over all that were done.
type Profile struct {
	Work    Work    `json:"work"`
	Unit    string  `json:"unit"`    // prompt, token, step of several sequences, or run of requests
	Units   int     `json:"units"`   // how many were done
	Seconds float64 `json:"seconds"` // of a unit
	Parts   []Spent `json:"parts"`   // in order of their time; together all of it
	Idle    float64 `json:"idle"`    // share of the threads' time that they waited
}

// Spent is the time of one kind of operation in a unit of a work, and what it had to
// do in it.
type Spent struct {
	Op      string  `json:"op"`               // as [op.Node] names it, or head, or sampling
	Weight  string  `json:"weight,omitempty"` // that it multiplies by
	Seconds float64 `json:"seconds"`
	op.Cost
	By    string     `json:"limited_by,omitempty"` // memory or arithmetic; none where it is neither
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

// What a profile tells apart though a tape does not: the product that makes logits,
// and what happens outside of the tape.
const (
	headPart     = "head"
	samplingPart = "sampling"
)

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
	d, err := t.do(ctx, w)
	if err != nil {
		return nil, err
	}
	spent, took := p.Stop(), time.Since(start)
	runs, work := t.pool.Spent()
	out := newProfile(spent, took, runs, work, t.pool.Threads(), strings.TrimSuffix(headOf(t.runner.Model.Config()), ".weight"))
	out.Work = w
	out.per(w.units(d.times))
	return out, nil
}

// units returns the unit in which a profile tells of a work that was done so many
// times, and how many of them it saw. A decode of one sequence begins with a pass over
// the last token of its prompt, which is like the others; that of several is seen from
// when all have written a token.
func (w Work) units(times int) (unit string, n int) {
	switch {
	case w.Kind == Prompt:
		return "prompt", times
	case w.Kind == Decode && w.Batch == 1:
		return "token", times * w.Write
	case w.Kind == Decode:
		return "step", times * (w.Write - 1)
	}
	return "run", times
}

// per makes what was summed up over n units the mean of one.
func (p *Profile) per(unit string, n int) {
	p.Unit, p.Units = unit, n
	once := 1 / float64(n)
	p.Seconds *= once
	for i := range p.Parts {
		s := &p.Parts[i]
		s.Seconds, s.Cost = once*s.Seconds, s.Cost.Times(once)
	}
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

// newProfile sums up what a tape and a pool of so many threads counted, with a model
// whose head is so called.
func newProfile(spent map[op.Spender]op.Spent, took, runs, work time.Duration, threads int, head string) *Profile {
	out := &Profile{Seconds: took.Seconds()}
	for s, x := range spent {
		switch {
		case s.Op == op.Outside:
			s.Op = samplingPart
		case s.Weight == head:
			s.Op = headPart
		}
		out.Parts = append(out.Parts, Spent{Op: s.Op, Weight: s.Weight, Seconds: x.Time.Seconds(), Cost: x.Cost})
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
