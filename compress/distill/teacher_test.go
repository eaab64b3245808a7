package distill

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/model/token"
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
		every.Hard: {Hard: 1}, every.Response: {Response: 1, Temperature: 2}, every.Feature: {Feature: 1, Seed: 1}, every.Relation: {Relation: 1},
	} {
		want += weight * loss(o)
	}
	if got := loss(every); math.Abs(got-want) > termTolerance*want {
		t.Errorf("loss %g, the terms add up to %g", got, want)
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

func TestImpossibleObjectives(t *testing.T) {
	pool := newPool(t, 1)
	for _, c := range []struct {
		teacher arch.Model
		o       Options
		want    string
	}{
		{nil, Options{Response: 1, Temperature: 1}, "teacher itself"},
		{nil, Options{Feature: 1}, "teacher itself"},
		{decoder(shape(), 1), Options{Response: 1}, "temperature 0"},
		{decoder(shape(), 1), Options{Response: 1, Temperature: math.NaN()}, "temperature NaN"},
	} {
		if _, err := New(small(), c.teacher, nil, nil, c.o, pool); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want an error about %q", c.o, err, c.want)
		}
	}
}

// A cache that was read in parts equals one that was read at once.
func TestCacheAppend(t *testing.T) {
	teachers := []arch.Model{decoder(shape(), 1)}
	set := sequences(9, shape().Vocab)
	want := newCache(t, teachers, nil, shape().Vocab, set, 5, 2, 1)
	got := newCache(t, teachers, nil, shape().Vocab, set[:2], 5, 2, 1)
	for _, part := range [][]train.Sequence{set[2:3], set[3:]} {
		if err := got.Append(newCache(t, teachers, nil, shape().Vocab, part, 5, 2, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if math.Abs(got.Dropped-want.Dropped) > 1e-12 {
		t.Errorf("dropped %g, want %g", got.Dropped, want.Dropped)
	}
	got.Dropped = want.Dropped
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A cache covers the training whose rows it holds, and no other.
func TestCacheCovers(t *testing.T) {
	set := sequences(4, shape().Vocab)
	set[2].From = 2
	c := newCache(t, []arch.Model{decoder(shape(), 3)}, nil, shape().Vocab, set, 2, 1, 1)
	if err := c.Covers(set); err != nil {
		t.Error(err)
	}
	if err := c.Covers(set[:3]); err == nil {
		t.Error("a cache of 4 examples covers a training of 3")
	}
	set[2].From = 1
	if err := c.Covers(set); err == nil || !strings.Contains(err.Error(), "example 3 of the training") {
		t.Errorf("error %v, want one of example 3, whose loss is on a token more", err)
	}
}

func newCache(t *testing.T, teachers []arch.Model, v Vocabulary, size int, set []train.Sequence, k int, temperature float64, threads int) *Cache {
	t.Helper()
	c, err := NewReader(teachers, v, size, k, temperature, newPool(t, threads)).Read(t.Context(), set, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// teacherP returns a teacher's probabilities at each row with loss, by hand.
func teacherP(t *testing.T, m arch.Model, set []train.Sequence, temperature float64) (rows [][]float64) {
	t.Helper()
	tape := exactTape(newPool(t, 1))
	for _, s := range set {
		tape.Reset()
		h := m.Forward(tape, op.One(s.IDs[:len(s.IDs)-1], nil))
		for p := s.From; p < len(s.IDs); p++ {
			var e []float64
			var sum float64
			for _, x := range m.Head(tape, h, []int{p - 1}).Data {
				e = append(e, math.Exp(float64(x)/temperature))
				sum += e[len(e)-1]
			}
			for i := range e {
				e[i] /= sum
			}
			rows = append(rows, e)
		}
	}
	return rows
}

const probabilityTolerance = 1e-5 // of f32 logarithms

// A cache holds each row's likeliest tokens with their probabilities, and what
// is left; a row's tokens and tail are all of it.
func TestCacheHoldsTheLikeliest(t *testing.T) {
	const k, temperature = 6, 1.5
	m := decoder(shape(), 1)
	set := sequences(7, shape().Vocab)
	c := newCache(t, []arch.Model{m}, nil, shape().Vocab, set, k, temperature, 2)
	p := teacherP(t, m, set, temperature)
	if len(c.Tail) != len(p) || c.First[len(set)] != len(p) || c.Dropped != 0 {
		t.Fatalf("%d rows, %d by sequence, %g dropped; want %d, and 0", len(c.Tail), c.First[len(set)], c.Dropped, len(p))
	}
	for row, p := range p {
		sorted := slices.Sorted(slices.Values(p))
		least, rest := sorted[len(sorted)-k], 1.0
		ids := c.IDs[row*k : (row+1)*k]
		if !slices.IsSorted(ids) {
			t.Errorf("row %d: tokens %v are not in order", row, ids)
		}
		for i, id := range ids {
			got := math.Exp(float64(c.LogP[row*k+i]))
			if math.Abs(got-p[id]) > probabilityTolerance || p[id] < least-probabilityTolerance {
				t.Errorf("row %d, token %d: probability %g, want %g, and at least %g", row, id, got, p[id], least)
			}
			rest -= p[id]
		}
		if math.Abs(c.Tail[row]-rest) > probabilityTolerance {
			t.Errorf("row %d: %g in the tail, want %g", row, c.Tail[row], rest)
		}
	}
}

// A cache of every token gives the loss of the live teacher, a smaller one never
// more, and the more tokens the more of it; none is negative.
func TestCacheBounds(t *testing.T) {
	m, student := decoder(shape(), 1), decoder(small(), 3)
	set := sequences(5, shape().Vocab)
	b := batch(set)
	for _, direction := range []string{Forward, Reverse} {
		o := Options{Response: 1, Temperature: 2, Direction: direction}
		loss := func(c *Cache) float64 {
			return float64(objective(t, small(), m, c, o).Loss(recording(newPool(t, 1)), student, b).Data[0])
		}
		live := loss(nil)
		before := 0.0
		for _, k := range []int{0, 1, 4, 16, shape().Vocab - 1, shape().Vocab, 2 * shape().Vocab} {
			got := loss(newCache(t, []arch.Model{m}, nil, shape().Vocab, set, k, 2, 1))
			if got < before-zeroTolerance || got > live+zeroTolerance {
				t.Errorf("%s, %d tokens: loss %g, want %g to %g", direction, k, got, before, live)
			}
			before = got
		}
		if math.Abs(before-live) > zeroTolerance {
			t.Errorf("%s: the whole cache gives %g, the teacher %g", direction, before, live)
		}
	}
}

// Several teachers are averaged as probabilities. One and the same several
// times is one.
func TestEnsemble(t *testing.T) {
	a, b := decoder(shape(), 1), decoder(shape(), 2)
	set := sequences(4, shape().Vocab)
	size := shape().Vocab
	c := newCache(t, []arch.Model{a, b}, nil, size, set, size, 1, 2)
	pa, pb := teacherP(t, a, set, 1), teacherP(t, b, set, 1)
	for row := range pa {
		for id := range size {
			if got, want := math.Exp(float64(c.LogP[row*size+id])), (pa[row][id]+pb[row][id])/2; math.Abs(got-want) > probabilityTolerance {
				t.Fatalf("row %d, token %d: %g, want %g", row, id, got, want)
			}
		}
	}
	one, three := newCache(t, []arch.Model{a}, nil, size, set, 5, 2, 1), newCache(t, []arch.Model{a, a, a}, nil, size, set, 5, 2, 1)
	if !slices.Equal(one.IDs, three.IDs) {
		t.Error("three times the same teacher: other tokens")
	}
	for i, l := range one.LogP {
		if math.Abs(float64(l-three.LogP[i])) > probabilityTolerance {
			t.Fatalf("three times the same teacher: logarithm %g, want %g", three.LogP[i], l)
		}
	}
}

// The teacher of a smaller vocabulary: its distribution over the student's
// tokens adds up to one, keeps the ratios, and the rest is told.
func TestDroppedVocabulary(t *testing.T) {
	m := decoder(shape(), 1)
	v := Vocabulary{40, 3, 7, 0, 21, 22, 30}
	var set []train.Sequence
	r := source(6)
	for range 4 {
		set = append(set, train.Sequence{IDs: testkit.IDs(r, 6, len(v)), From: 1})
	}
	var mapped []train.Sequence
	for _, s := range set {
		mapped = append(mapped, train.Sequence{IDs: v.IDs(nil, s.IDs), From: 1})
	}
	p1, p2 := teacherP(t, m, mapped, 1), teacherP(t, m, mapped, 2)
	c := newCache(t, []arch.Model{m}, v, len(v), set, len(v), 2, 2)
	dropped := 0.0
	for row := range p1 {
		kept, sum := 0.0, 0.0
		for _, id := range v {
			kept += p1[row][id]
			sum += p2[row][id]
		}
		dropped += (1 - kept) / float64(len(p1))
		total := 0.0
		for i, id := range c.IDs[row*len(v) : (row+1)*len(v)] {
			got := math.Exp(float64(c.LogP[row*len(v)+i]))
			total += got
			if want := p2[row][v[id]] / sum; math.Abs(got-want) > probabilityTolerance {
				t.Errorf("row %d, token %d: %g, want %g", row, id, got, want)
			}
		}
		if math.Abs(total-1) > probabilityTolerance {
			t.Errorf("row %d: probabilities add up to %g", row, total)
		}
	}
	if math.Abs(c.Dropped-dropped) > probabilityTolerance || dropped < 0.1 {
		t.Errorf("%g dropped, want %g", c.Dropped, dropped)
	}
	d, err := New(small(), m, v, nil, Options{Response: 1, Temperature: 2}, newPool(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	s := small()
	s.Vocab = len(v)
	d.student = s
	d.Loss(recording(newPool(t, 1)), decoder(s, 3), batch(set))
	if len(d.targets) != len(c.Tail) {
		t.Fatalf("live: %d rows, want %d", len(d.targets), len(c.Tail))
	}
	for row, target := range d.targets {
		for i, id := range c.IDs[row*len(v) : (row+1)*len(v)] {
			if got, want := target.LogP[id], c.LogP[row*len(v)+i]; math.Abs(float64(got-want)) > probabilityTolerance {
				t.Errorf("live: row %d, token %d: ln p is %g, want %g", row, id, got, want)
			}
		}
	}
}

func TestMatch(t *testing.T) {
	teacher := token.Spec{Tokens: []string{"a", "b", "c", "ab"}}
	if v, err := Match(token.Spec{Tokens: []string{"c", "a"}}, teacher); err != nil || !slices.Equal(v, Vocabulary{2, 0}) {
		t.Errorf("got %v, %v; want [2 0]", v, err)
	}
	if v, err := Match(teacher, teacher); err != nil || v != nil {
		t.Errorf("the same tokens: got %v, %v; want the identity", v, err)
	}
	if v, err := Match(token.Spec{Tokens: []string{"b", "a", "c", "ab"}}, teacher); err != nil || !slices.Equal(v, Vocabulary{1, 0, 2, 3}) {
		t.Errorf("another order: got %v, %v", v, err)
	}
	twice := token.Spec{Tokens: []string{"a", "b", "a"}}
	if v, err := Match(twice, twice); err != nil || v != nil {
		t.Errorf("a token that is there twice: got %v, %v; want the identity", v, err)
	}
	if v, err := Match(token.Spec{Tokens: []string{"b", "a"}}, twice); err != nil || !slices.Equal(v, Vocabulary{1, 0}) {
		t.Errorf("a token that is there twice: got %v, %v; want the first", v, err)
	}
	if _, err := Match(token.Spec{Tokens: []string{"a", "x"}}, teacher); err == nil || !strings.Contains(err.Error(), `token 1 ("x")`) {
		t.Errorf("a token that the teacher lacks: got %v", err)
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

// A cache finds the rows of any sequences, in any order.
func TestCacheByIndex(t *testing.T) {
	m, student := decoder(shape(), 1), decoder(small(), 3)
	set := sequences(6, shape().Vocab)
	c := newCache(t, []arch.Model{m}, nil, shape().Vocab, set, shape().Vocab, 2, 1)
	o := Options{Response: 1, Temperature: 2}
	for _, index := range [][]int{{4}, {5, 0, 3}, {2, 1}} {
		var part []train.Sequence
		for _, i := range index {
			part = append(part, set[i])
		}
		b := batch(part)
		b.Index = index
		live := objective(t, small(), m, nil, o).Loss(recording(newPool(t, 1)), student, b).Data[0]
		cached := objective(t, small(), m, c, o).Loss(recording(newPool(t, 1)), student, b).Data[0]
		if math.Abs(float64(live-cached)) > zeroTolerance {
			t.Errorf("sequences %v: loss %g from the cache, %g from the teacher", index, cached, live)
		}
	}
}
