package distill

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
	"limbeck/train"
)

// shape is a small decoder's; small is a student's, of other sizes throughout.
func shape() arch.Config { return testkit.Odd("llama", true) }

func small() arch.Config {
	c := testkit.Odd("llama", false)
	c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadDim, c.FFN = 1, 14, 3, 3, 4, 9
	return c
}

func decoder(c arch.Config, seed uint64) arch.Model { return testkit.Decoder(c, dtype.F32, seed) }

func trainable(m arch.Model) arch.Model {
	for _, w := range m.Weights() {
		w.SetTrainable()
	}
	return m
}

func sequences(n, vocab int) (set []train.Sequence) {
	r := source(20)
	for range n {
		set = append(set, train.Sequence{IDs: testkit.IDs(r, 3+r.IntN(7), vocab), From: 1 + r.IntN(2)})
	}
	return set
}

// batch returns the sequences as train packs them.
func batch(set []train.Sequence) *train.Batch {
	b := &train.Batch{}
	for i, s := range set {
		for p := s.From; p < len(s.IDs); p++ {
			b.Rows, b.Targets = append(b.Rows, len(b.IDs)+p-1), append(b.Targets, s.IDs[p])
		}
		b.IDs = append(b.IDs, s.IDs[:len(s.IDs)-1]...)
		b.Seqs = append(b.Seqs, op.Seq{Len: len(s.IDs) - 1})
		b.Index = append(b.Index, i)
	}
	b.Weight, b.TokenWeight = 1/float32(len(b.Rows)), 1/float32(len(b.IDs))
	return b
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 8)) }

func newPool(t *testing.T, threads int) *par.Pool {
	t.Helper()
	p := par.New(threads)
	t.Cleanup(p.Close)
	return p
}

func exactTape(p *par.Pool) *op.Tape {
	tape := op.NewTape(p)
	tape.Exact = true
	return tape
}

// recording returns an exact tape for objectives, which want their taps kept.
func recording(p *par.Pool) *op.Tape {
	tape := exactTape(p)
	tape.SetRecording(true)
	return tape
}

// value runs f, which gives a loss, on a tape of its own.
func value(t *testing.T, f func(t *op.Tape) *op.Value) float64 {
	t.Helper()
	pool := par.New(2)
	defer pool.Close()
	tape := op.NewTape(pool)
	tape.Exact = true
	return float64(f(tape).Data[0])
}

func objective(t *testing.T, c arch.Config, teacher arch.Model, cache *Cache, o Options) *Objective {
	t.Helper()
	d, err := New(c, teacher, nil, cache, o, newPool(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// every is all terms against a teacher, each with a weight of its own.
var every = Options{Hard: 0.4, Response: 0.7, Feature: 0.3, Relation: 0.2, Temperature: 2, Direction: Forward, Seed: 1}

// termTolerance is relative, of losses that f32 sums of some hundred terms make.
const termTolerance = 1e-5

// A student that is its teacher has nothing to learn from it, term by term.
func TestTeacherOfItself(t *testing.T) {
	m := decoder(shape(), 1)
	tape := recording(newPool(t, 2))
	for name, o := range map[string]Options{
		"forward": {Response: 1, Temperature: 2, Direction: Forward}, "reverse": {Response: 1, Temperature: 2, Direction: Reverse},
		"feature": {Feature: 1}, "relation": {Relation: 1},
	} {
		tape.Reset()
		d := objective(t, shape(), m, nil, o)
		if got := d.Loss(tape, m, batch(sequences(4, shape().Vocab))).Data[0]; math.Abs(float64(got)) > zeroTolerance {
			t.Errorf("%s: loss %g, want 0", name, got)
		}
		tape.Reset()
		if got := d.Loss(tape, decoder(shape(), 2), batch(sequences(4, shape().Vocab))).Data[0]; got < 100*zeroTolerance {
			t.Errorf("%s: loss %g of another student, want more", name, got)
		}
	}
}

// The gradient of the whole objective, by every weight of a student of another
// shape and by the projections, for both directions, live and from a cache.
func TestObjectiveGradient(t *testing.T) {
	set := sequences(3, shape().Vocab)
	b := batch(set)
	teacher := decoder(shape(), 1)
	cache := newCache(t, []arch.Model{teacher}, nil, shape().Vocab, set, 9, 2, 1)
	for name, c := range map[string]*Cache{"live": nil, "cache": cache} {
		for _, direction := range []string{Forward, Reverse} {
			if testing.Short() && (c == nil) != (direction == Forward) {
				continue // each of both once
			}
			t.Run(name+" "+direction, func(t *testing.T) {
				o := every
				o.Direction = direction
				m := trainable(decoder(small(), 3))
				d := objective(t, small(), teacher, c, o)
				testkit.CheckRecordedGradient(t, nil, slices.Concat(m.Weights(), d.Weights()), func(t *op.Tape, _ []*op.Value) *op.Value {
					return d.Loss(t, m, b)
				})
			})
		}
	}
}

// The objective is the weighted sum of its terms.
func TestObjectiveIsTheSumOfItsTerms(t *testing.T) {
	teacher, m := decoder(shape(), 1), decoder(small(), 3)
	b := batch(sequences(5, shape().Vocab))
	loss := func(o Options) float64 {
		return float64(objective(t, small(), teacher, nil, o).Loss(recording(newPool(t, 1)), m, b).Data[0])
	}
	var want float64
	for weight, o := range map[float64]Options{
		every.Hard: {Hard: 1}, every.Response: {Response: 1, Temperature: 2, Direction: Forward}, every.Feature: {Feature: 1, Seed: 1}, every.Relation: {Relation: 1},
	} {
		want += weight * loss(o)
	}
	if got := loss(every); math.Abs(got-want) > termTolerance*want {
		t.Errorf("loss %g, the terms add up to %g", got, want)
	}
}

// The feature term is the mean over tokens, layers and channels of the squared
// difference: worked out from the taps of two models of the same width, whose
// projections begin as the identity.
func TestFeatureByHand(t *testing.T) {
	teacher, m := decoder(shape(), 1), decoder(shape(), 2)
	b := batch(sequences(4, shape().Vocab))
	states := func(m arch.Model) (out [][]float32) {
		tape := exactTape(newPool(t, 1))
		tape.OnTap = func(name string, v *op.Value) {
			if strings.HasPrefix(name, "blk.") && strings.HasSuffix(name, ".out") && strings.Count(name, ".") == 2 {
				out = append(out, slices.Clone(v.Data))
			}
		}
		m.Forward(tape, op.Batch{IDs: b.IDs, Seqs: b.Seqs}) // all tokens
		return out
	}
	student, given := states(m), states(teacher)
	if len(student) != shape().Layers {
		t.Fatalf("%d taps of layers", len(student))
	}
	last := shape().Layers - 1
	for name, pairs := range map[string][][2]int{"evenly": nil, "crossed": {{0, last}, {last, 0}}, "one": {{last, 0}}} {
		sum, compared := 0.0, pairs
		if pairs == nil { // of models as deep as each other: layer by layer
			for l := range student {
				compared = append(compared, [2]int{l, l})
			}
		}
		for _, p := range compared {
			for i, x := range student[p[0]] {
				d := float64(x) - float64(given[p[1]][i])
				sum += d * d
			}
		}
		want := sum / float64(len(compared)*len(student[0]))
		o := Options{Feature: 1, Pairs: pairs}
		got := float64(objective(t, shape(), teacher, nil, o).Loss(recording(newPool(t, 1)), m, b).Data[0])
		if math.Abs(got-want) > termTolerance*want {
			t.Errorf("%s: loss %g, want %g", name, got, want)
		}
	}
	for _, p := range [][2]int{{last + 1, 0}, {0, last + 1}, {-1, 0}} {
		var wrong *PairError
		if _, err := New(shape(), teacher, nil, nil, Options{Feature: 1, Pairs: [][2]int{{0, 0}, p}}, newPool(t, 1)); !errors.As(err, &wrong) || wrong.Pair != 1 {
			t.Errorf("layers %v: %v, want an error that names the second pair", p, err)
		}
	}
}

// The term of relations is the sum over queries, keys and values of KL(R teacher ‖ R
// student), R = softmax(X·Xᵀ/√d) masked, mean over heads and all tokens: those
// without another loss too.
func TestRelationTermByHand(t *testing.T) {
	const weight, heads = 0.5, 3
	c := small()
	c.Layers = 3
	teacher, m := decoder(shape(), 1), decoder(c, 3)
	b := batch(sequences(5, shape().Vocab))
	var want float64
	for _, what := range []string{"attn_q", "attn_k", "attn_v"} {
		p, q := tapped(t, teacher, b, "blk.1."+what+".weight.out"), tapped(t, m, b, "blk.2."+what+".weight.out")
		first := 0
		for _, s := range b.Seqs {
			for h := range heads {
				for row := first; row < first+s.Len; row++ {
					logP, logQ := relations(p, heads, h, first, row), relations(q, heads, h, first, row)
					for j := range logP {
						want += math.Exp(logP[j]) * (logP[j] - logQ[j]) / float64(heads*len(b.IDs))
					}
				}
			}
			first += s.Len
		}
	}
	d := objective(t, c, teacher, nil, Options{Relation: weight, Heads: heads})
	if got := float64(d.Loss(recording(newPool(t, 1)), m, b).Data[0]); math.Abs(got-weight*want) > termTolerance*want {
		t.Errorf("loss %g, want %g", got, weight*want)
	}
}

// tapped returns what m makes of a batch at a tap, [tokens, channels].
func tapped(t *testing.T, m arch.Model, b *train.Batch, name string) (rows [][]float32) {
	t.Helper()
	tape := exactTape(newPool(t, 1))
	tape.OnTap = func(tap string, v *op.Value) {
		for r := 0; tap == name && r < v.Rows; r++ {
			rows = append(rows, slices.Clone(v.Row(r)))
		}
	}
	if m.Forward(tape, b.Batch); rows == nil {
		t.Fatalf("no tap %s", name)
	}
	return rows
}

// relations returns the logarithms of how a row's head relates to the rows from first
// on and to itself.
func relations(rows [][]float32, heads, head, first, row int) []float64 {
	d := len(rows[row]) / heads
	var logs []float64
	var sum float64
	for _, other := range rows[first : row+1] {
		var product float64
		for i := head * d; i < head*d+d; i++ {
			product += float64(rows[row][i]) * float64(other[i])
		}
		logs = append(logs, product/math.Sqrt(float64(d)))
		sum += math.Exp(logs[len(logs)-1])
	}
	for i := range logs {
		logs[i] -= math.Log(sum)
	}
	return logs
}

// The layers that teach: evenly over the teacher's depth for features, the last
// always the last; one above the middle for relations.
func TestLayersThatTeach(t *testing.T) {
	for _, c := range []struct {
		student, teacher int
		want             []string
	}{
		{2, 6, []string{"blk.2.out", "blk.5.out"}}, {3, 3, []string{"blk.0.out", "blk.1.out", "blk.2.out"}}, {1, 4, []string{"blk.3.out"}},
		{3, 4, []string{"blk.0.out", "blk.1.out", "blk.3.out"}},
	} {
		s, g := shape(), shape()
		s.Layers, g.Layers = c.student, c.teacher
		var got []string
		for _, p := range project(s, g, evenly(s, g), 1) {
			got = append(got, p.teacher)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d of %d layers learn from %v, want %v", c.student, c.teacher, got, c.want)
		}
	}
	for layers, want := range map[int]int{1: 0, 2: 1, 4: 2, 12: 8, 24: 17, 30: 22} {
		if got := upperMiddle(layers); got != want {
			t.Errorf("of %d layers number %d teaches relations, want %d", layers, got, want)
		}
	}
	a, b := shape(), small() // channels 24 and 12, 12 and 12
	if got := relationHeads(b, a); got != 12 {
		t.Errorf("%d relation heads, want 12", got)
	}
	a.KVHeads, a.HeadDim = 4, 10 // 40 channels, and 12
	if got := relationHeads(b, a); got != 4 {
		t.Errorf("%d relation heads, want 4", got)
	}
}

func TestImpossibleObjectives(t *testing.T) {
	pool := newPool(t, 1)
	for _, c := range []struct {
		teacher arch.Model
		o       Options
		want    string
	}{
		{nil, Options{Response: 1, Temperature: 1, Direction: Forward}, "teacher itself"},
		{nil, Options{Feature: 1}, "teacher itself"},
		{decoder(shape(), 1), Options{Response: 1}, "temperature 0"},
		{decoder(shape(), 1), Options{Response: 1, Temperature: math.NaN()}, "temperature NaN"},
		{decoder(shape(), 1), Options{Response: 1, Temperature: 1, Direction: "sideways"}, `direction "sideways", want forward or reverse`},
	} {
		if _, err := New(small(), c.teacher, nil, nil, c.o, pool); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want an error about %q", c.o, err, c.want)
		}
	}
}

// A cache and a distillation are the same bytes on any number of threads, and
// a distillation if it is interrupted.
func TestDistillationIsDeterministic(t *testing.T) {
	set := sequences(12, shape().Vocab)
	teacher := decoder(shape(), 1)
	var first *Cache
	var want [][]float32
	for _, threads := range []int{1, 2, 3} {
		c := newCache(t, []arch.Model{teacher, decoder(shape(), 2)}, nil, shape().Vocab, set, 8, 2, threads)
		if first == nil {
			first = c
		}
		if !slices.Equal(c.IDs, first.IDs) || !slices.Equal(c.LogP, first.LogP) || !slices.Equal(c.Tail, first.Tail) || c.Dropped != first.Dropped {
			t.Errorf("%d threads: another cache than on one", threads)
		}
		for _, stop := range []int{0, 3} {
			got := distilled(t, teacher, c, set, threads, stop)
			if want == nil {
				want = got
			}
			for i := range got {
				if !slices.Equal(got[i], want[i]) {
					t.Fatalf("%d threads, interrupted after %d steps: weight %d differs", threads, stop, i)
				}
			}
		}
	}
}
