package train

import (
	"math/rand/v2"

	"limbeck/nn/op"
)

// A Sequence is the tokens of one example. Those from position From on carry
// loss; From is at least 1, since the first token has nothing to be predicted
// from.
type Sequence struct {
	IDs  []int
	From int
}

// Targets returns the number of tokens that carry loss.
func (s Sequence) Targets() int { return len(s.IDs) - s.From }

// A Batch is what one forward pass takes: some sequences, one after another,
// each attending to itself alone. Its Rows are the tokens whose next token carries
// loss.
type Batch struct {
	op.Batch

	Index   []int   // of each sequence in the training set
	Targets []int   // the tokens that carry loss
	Weight  float32 // 1 / the tokens with loss in the whole step

	TokenWeight float32 // 1 / all tokens of the whole step
}

// pack makes the batch of the sequences that index names, in a step of so many
// tokens and targets.
func (b *Batch) pack(set []Sequence, index []int, targets, tokens int) {
	b.IDs, b.Seqs, b.Rows, b.Targets = b.IDs[:0], b.Seqs[:0], b.Rows[:0], b.Targets[:0]
	b.Index, b.Weight, b.TokenWeight = index, 1/float32(targets), 1/float32(tokens)
	for _, i := range index {
		s := set[i]
		b.Add(s.IDs, s.From)
		b.Targets = append(b.Targets, s.IDs[s.From:]...)
	}
}

// split appends to runs the sequences that index names, in their order, cut into
// runs of at most tokens tokens each. A sequence that is longer has a run of its own.
func split(runs [][]int, set []Sequence, index []int, tokens int) [][]int {
	start, sum := 0, 0
	for i, k := range index {
		n := len(set[k].IDs) - 1
		if i > start && sum+n > tokens {
			runs = append(runs, index[start:i])
			start, sum = i, 0
		}
		sum += n
	}
	if start < len(index) {
		runs = append(runs, index[start:])
	}
	return runs
}

// epoch returns the steps of one pass over set in an order that seed and number
// determine.
func epoch(set []Sequence, batchTokens int, seed uint64, number int) [][]int {
	r := rand.New(rand.NewPCG(seed, uint64(number)))
	return split(nil, set, r.Perm(len(set)), batchTokens)
}

// An order tells which sequences each step takes.
type order struct {
	set         []Sequence
	batchTokens int
	seed        uint64

	number int // of the epoch that steps belong to
	first  int // its first step
	steps  [][]int
}

// at returns the sequences of step i, for i that never falls.
func (p *order) at(i int) []int {
	if p.steps == nil {
		p.steps = epoch(p.set, p.batchTokens, p.seed, 0)
	}
	for i >= p.first+len(p.steps) {
		p.first += len(p.steps)
		p.number++
		p.steps = epoch(p.set, p.batchTokens, p.seed, p.number)
	}
	return p.steps[i-p.first]
}

// Steps returns the number of optimizer steps that o asks for: o.Steps, else those
// of o.Epochs passes over set.
func Steps(set []Sequence, o Options) int {
	if o.Steps > 0 {
		return o.Steps
	}
	n, whole := 0, int(o.Epochs)
	for e := range whole {
		n += len(epoch(set, o.BatchTokens, o.Seed, e))
	}
	if part := o.Epochs - float64(whole); part > 0 {
		n += int(part*float64(len(epoch(set, o.BatchTokens, o.Seed, whole))) + 0.5)
	}
	return max(n, 1)
}
