// Package distill teaches a small model by a large one: by its distribution
// over the next token (response), by its hidden states (feature), and by how
// its tokens relate to each other (relation). One file a loss; each states the
// direction of its divergence, its factor of the temperature, and its
// reduction.
package distill

import (
	"fmt"
	"slices"

	"limbeck/internal/par"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/train"
)

// Directions of the divergence of responses.
const (
	Forward = "forward" // KL(teacher ‖ student)
	Reverse = "reverse" // KL(student ‖ teacher)
)

// Options weigh the terms of the loss. A weight of 0 leaves its term out. That of
// relations is the sum of relationLoss of a layer's queries, its keys and its values,
// which are cut into heads, each a mean over tokens.
type Options struct {
	Hard        float64  // cross-entropy on the data's own tokens
	Response    float64  // divergence from the teacher's distribution
	Feature     float64  // hidden states, layer by layer
	Relation    float64  // relations of one layer
	Temperature float64  // of the response
	Direction   string   // Forward or Reverse
	Pairs       [][2]int // student's and teacher's layers for Feature; nil: all the former, evenly
	Heads       int      // relation heads; 0: as many as both models can be cut into, at most 12
	Seed        uint64   // of the projections
}

// An Objective is a mix of losses against a teacher; see [train.Objective]. It
// serves one training.
type Objective struct {
	o       Options
	teacher arch.Model
	vocab   Vocabulary
	cache   *Cache
	tape    *op.Tape // the teacher's
	student arch.Config
	pairs   []pair // layers whose states are compared
	from    tapNames
	states  map[string]*op.Value // the student's taps that are wanted, of this batch
	given   map[string][]float32 // the teacher's
	memory  *op.Tape             // of given
	ids     []int
	terms   []*op.Value
	weights []float32

	hear   func(name string, v *op.Value) // is [Objective.tapped], made once: it allocates
	listen func(name string, v *op.Value) // hears the student's taps besides

	targets []target // of this batch's rows with loss
	blocks  blocks
	losses  op.RowLosses
	hard    op.CrossEntropy
	forward forwardKL
	reverse reverseKL
	live    live
}

// pair is a layer of the student, the teacher's that it learns from, and the
// projection between their states.
type pair struct {
	student, teacher string
	w                *op.Weight
}

type tapNames struct{ student, teacher []string } // of the relation's Q, K, V

// New returns the objective of a student of shape c taught by teacher, whose
// tokens vocab finds. With a cache, responses come from it, and the teacher
// runs only for features and relations; it may then be nil if there are none.
func New(c arch.Config, teacher arch.Model, vocab Vocabulary, cache *Cache, o Options, pool *par.Pool) (*Objective, error) {
	d := &Objective{o: o, teacher: teacher, vocab: vocab, cache: cache, student: c,
		states: map[string]*op.Value{}, given: map[string][]float32{}}
	d.live.d, d.blocks, d.hear = d, newBlocks(), d.tapped
	if o.Response > 0 && !(o.Temperature > 0) {
		return nil, fmt.Errorf("distill: temperature %g, want a positive number", o.Temperature)
	}
	if o.Response > 0 && o.Direction != Forward && o.Direction != Reverse {
		return nil, fmt.Errorf("distill: direction %q, want %s or %s", o.Direction, Forward, Reverse)
	}
	if d.runs() && teacher == nil {
		return nil, fmt.Errorf("distill: these losses need the teacher itself, not its cache alone")
	}
	if teacher == nil {
		return d, nil
	}
	d.tape = op.NewTape(pool) // a packed teacher answers as it is served, in int8
	t := teacher.Config()
	if o.Feature > 0 {
		if o.Pairs == nil {
			o.Pairs = evenly(c, t)
		}
		if err := CheckPairs(c, t, o.Pairs); err != nil {
			return nil, err
		}
		d.pairs = project(c, t, o.Pairs, o.Seed)
	}
	if o.Relation > 0 {
		d.from = relationTaps(c.Layers-1, upperMiddle(t.Layers))
		if d.o.Heads == 0 {
			d.o.Heads = relationHeads(c, t)
		}
		if err := CheckHeads(c, t, d.o.Heads); err != nil {
			return nil, err
		}
	}
	d.want()
	return d, nil
}

// want names the taps that the losses want.
func (d *Objective) want() {
	for _, p := range d.pairs {
		d.states[p.student], d.given[p.teacher] = nil, nil
	}
	for i, name := range d.from.student {
		d.states[name], d.given[d.from.teacher[i]] = nil, nil
	}
	if len(d.given) > 0 {
		d.tape.OnTap = d.keep
	}
}

// runs reports whether the teacher must run on every batch.
func (d *Objective) runs() bool {
	return d.o.Feature > 0 || d.o.Relation > 0 || d.o.Response > 0 && d.cache == nil
}

// evenly pairs each of the student's layers with the teacher's at the same
// share of the depth.
func evenly(s, t arch.Config) [][2]int {
	var pairs [][2]int
	for i := range s.Layers {
		pairs = append(pairs, [2]int{i, max(0, (i+1)*t.Layers/s.Layers-1)})
	}
	return pairs
}

// CheckPairs says which pair names a layer that the student or the teacher does not
// have; nil if all do.
func CheckPairs(s, t arch.Config, pairs [][2]int) error {
	for i, p := range pairs {
		for side, m := range []struct {
			of     string
			layers int
		}{{"student", s.Layers}, {"teacher", t.Layers}} {
			if p[side] < 0 || p[side] >= m.layers {
				return &PairError{i, fmt.Sprintf("the %s has no layer %d", m.of, p[side]), fmt.Sprintf("0 to %d", m.layers-1)}
			}
		}
	}
	return nil
}

// A PairError tells which pair of layers cannot be compared, and what numbers can
// stand in it.
type PairError struct {
	Pair          int // its index
	What, Allowed string
}

func (e *PairError) Error() string {
	return fmt.Sprintf("distill: pair %d of layers: %s (allowed: %s)", e.Pair, e.What, e.Allowed)
}

// project gives each pair of layers its projection.
func project(s, t arch.Config, layers [][2]int, seed uint64) []pair {
	var pairs []pair
	for i, p := range layers {
		pairs = append(pairs, pair{
			fmt.Sprintf("blk.%d.out", p[0]), fmt.Sprintf("blk.%d.out", p[1]),
			newProjection(fmt.Sprintf("distill.projection.%d", i), s.Width, t.Width, seed+uint64(i)),
		})
	}
	return pairs
}

// upperMiddle is the teacher's layer whose relations are taught: MiniLMv2
// found one above the middle best for large teachers.
func upperMiddle(layers int) int { return max(layers-1-layers/4, 0) }

func relationTaps(student, teacher int) tapNames {
	names := func(layer int) (n []string) {
		for _, w := range []string{"attn_q", "attn_k", "attn_v"} {
			n = append(n, fmt.Sprintf("blk.%d.%s.weight.out", layer, w))
		}
		return n
	}
	return tapNames{names(student), names(teacher)}
}

// relationHeads returns the greatest number of heads up to 12 into which the
// channels of queries, keys and values of both models can be cut.
func relationHeads(s, t arch.Config) int {
	n := 12
	for CheckHeads(s, t, n) != nil {
		n--
	}
	return n
}

// CheckHeads says why n relation heads cannot be cut out of the channels of a
// student's and a teacher's queries, keys and values; nil if they can.
func CheckHeads(s, t arch.Config, n int) error {
	for _, m := range []struct {
		of string
		c  arch.Config
	}{{"student", s}, {"teacher", t}} {
		for _, heads := range []int{m.c.Heads, m.c.KVHeads} {
			if channels := heads * m.c.HeadDim; channels%n != 0 {
				return &HeadsError{fmt.Sprintf("%d relation heads do not divide the %d channels of the %s", n, channels, m.of), "0, or a common divisor of them all"}
			}
		}
	}
	return nil
}

// A HeadsError tells why relations cannot be split into a number of heads, and what
// number can stand there.
type HeadsError struct{ What, Allowed string }

func (e *HeadsError) Error() string {
	return fmt.Sprintf("distill: %s (allowed: %s)", e.What, e.Allowed)
}

// Weights implements [train.Weighted].
func (d *Objective) Weights() []*op.Weight {
	var all []*op.Weight
	for _, p := range d.pairs {
		all = append(all, p.w)
	}
	return all
}

// Loss implements [train.Objective].
func (d *Objective) Loss(t *op.Tape, m arch.Model, b *train.Batch) *op.Value {
	if d.runs() {
		d.teach(t, b)
	}
	if d.cache != nil && d.o.Response > 0 {
		d.targets = d.cache.targets(d.targets[:0], b.Index)
	}
	d.listen = t.OnTap
	if len(d.states) > 0 {
		t.OnTap = d.hear
	}
	batch, rows := b.Batch, []int(nil)
	if len(d.pairs) > 0 { // states of all tokens learn
		batch.Rows, rows = nil, b.Rows
	}
	hidden := m.Forward(t, batch)
	t.OnTap = d.listen

	d.terms, d.weights = d.terms[:0], d.weights[:0]
	if d.rowLoss(b); len(d.losses) > 0 {
		d.add(m.Loss(t, hidden, rows, &d.losses), 1)
	}
	for _, p := range d.pairs {
		l := hiddenLoss(t, d.states[p.student], p.w, d.given[p.teacher], b.TokenWeight/float32(len(d.pairs)))
		d.add(l, d.o.Feature)
	}
	for i := range d.from.student {
		v, want := d.states[d.from.student[i]], d.given[d.from.teacher[i]]
		d.add(relationLoss(t, v, want, len(want)/len(b.IDs), d.o.Heads, b.Seqs, b.TokenWeight), d.o.Relation)
	}
	return op.Sum(t, d.terms, d.weights)
}

// tapped keeps what the losses want of the student's taps.
func (d *Objective) tapped(name string, v *op.Value) {
	if _, wanted := d.states[name]; wanted {
		d.states[name] = v
	}
	if d.listen != nil {
		d.listen(name, v)
	}
}

func (d *Objective) add(l *op.Value, weight float64) {
	d.terms, d.weights = append(d.terms, l), append(d.weights, float32(weight))
}

// rowLoss makes the terms on logits.
func (d *Objective) rowLoss(b *train.Batch) {
	d.losses = d.losses[:0]
	if d.o.Hard > 0 {
		d.hard = op.CrossEntropy{Targets: b.Targets, Weight: b.Weight * float32(d.o.Hard)}
		d.losses = append(d.losses, &d.hard)
	}
	if w := float64(b.Weight) * d.o.Response; w > 0 {
		if d.cache == nil {
			d.targets = slices.Grow(d.targets[:0], len(b.Rows))[:len(b.Rows)]
			d.live.begin(b.Rows)
			d.losses = append(d.losses, &d.live)
		}
		switch d.o.Direction {
		case Forward:
			d.forward = forwardKL{d.targets, d.o.Temperature, w, d.blocks}
			d.losses = append(d.losses, &d.forward)
		case Reverse:
			d.reverse = reverseKL{d.targets, d.o.Temperature, w, d.blocks}
			d.losses = append(d.losses, &d.reverse)
		}
	}
}

// teach runs the teacher on the batch: it keeps the taps that the losses want,
// which lie in the memory of t; its hidden states lie in the teacher's.
func (d *Objective) teach(t *op.Tape, b *train.Batch) {
	d.memory = t
	d.tape.Reset()
	d.ids = d.vocab.IDs(d.ids[:0], b.IDs)
	hidden := d.teacher.Forward(d.tape, op.Batch{IDs: d.ids, Seqs: b.Seqs})
	d.live.hidden = hidden
}

// keep copies what the losses want of the teacher's taps.
func (d *Objective) keep(name string, v *op.Value) {
	if _, wanted := d.given[name]; wanted {
		d.given[name] = d.memory.Floats(len(v.Data))
		copy(d.given[name], v.Data)
	}
}
