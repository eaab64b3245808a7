package distill

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
	"limbeck/train"
)

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

// A cache finds the rows of any sequences, in any order.
func TestCacheByIndex(t *testing.T) {
	m, student := decoder(shape(), 1), decoder(small(), 3)
	set := sequences(6, shape().Vocab)
	c := newCache(t, []arch.Model{m}, nil, shape().Vocab, set, shape().Vocab, 2, 1)
	o := Options{Response: 1, Temperature: 2, Direction: Forward}
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

func TestLikeliest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		p := make([]float32, 1+rng.IntN(60))
		for i := range p {
			p[i] = float32(rng.IntN(12)) // many are equal
		}
		k := rng.IntN(len(p) + 1)
		want := make([]int32, len(p))
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortFunc(want, func(a, b int32) int { return cmp.Or(cmp.Compare(p[b], p[a]), cmp.Compare(a, b)) })
		want = want[:k]
		slices.Sort(want)
		got := likeliest(nil, p, k)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("likeliest %d of %v: %v, want %v", k, p, got, want)
		}
	}
}

// wholeCache is what a [Reader] makes of set, from all logits of a sequence at once
// and the sums of all probabilities.
func wholeCache(t *testing.T, teachers []arch.Model, v Vocabulary, size int, set []train.Sequence, k int, temperature float64) *Cache {
	t.Helper()
	c := &Cache{K: k, Temperature: temperature, First: []int{0}}
	tape, n := op.NewTape(newPool(t, 1)), float64(len(teachers))
	block := make([]float32, blockFloats)
	var dropped []float64
	for _, s := range set {
		var b op.Batch
		b.Add(v.IDs(nil, s.IDs), s.From)
		rows := s.Targets()
		logP, sum, lost := make([]float32, rows*size), make([]float64, rows*size), make([]float64, rows)
		for _, m := range teachers {
			tape.Reset()
			logits := m.Head(tape, m.Forward(tape, b), nil) // of all rows
			for row := range rows {
				lost[row] += v.project(logP[row*size:(row+1)*size], logits.Row(row), temperature, block) / n
			}
			for i, l := range logP {
				sum[i] += math.Exp(float64(l)) / n
			}
		}
		for row := range rows {
			logP := logP[row*size : (row+1)*size]
			if n > 1 {
				for i := range logP {
					logP[i] = float32(logOf(sum[row*size+i]))
				}
			}
			ids, tail := likeliest(nil, logP, k), 1.0
			slices.Sort(ids)
			for _, id := range ids {
				c.IDs, c.LogP = append(c.IDs, id), append(c.LogP, logP[id])
				tail -= math.Exp(float64(logP[id]))
			}
			c.Tail = append(c.Tail, max(tail, 0))
		}
		c.First, dropped = append(c.First, len(c.Tail)), append(dropped, lost...)
	}
	for _, d := range dropped {
		c.Dropped += d / float64(len(dropped))
	}
	return c
}

// A cache has the bits of one that is made of all logits, of one teacher and of several,
// packed and not, however few rows' logits exist at once.
func TestCacheInChunks(t *testing.T) {
	const k, temperature = 5, 1.5
	packed := testkit.Decoder(testkit.Even("llama", true), dtype.Q8_0, 4)
	op.PackAll(packed.Weights(), newPool(t, 1), nil)
	fewer := Vocabulary{40, 3, 7, 0, 21, 22, 30}
	for name, teachers := range map[string][]arch.Model{
		"one": {decoder(shape(), 1)}, "packed": {packed},
		"three": {decoder(shape(), 1), decoder(shape(), 2), decoder(shape(), 3)}, "packed twice": {packed, packed},
	} {
		for _, v := range []Vocabulary{nil, fewer} {
			size := teachers[0].Config().Vocab
			if v != nil {
				size = len(v)
			}
			set := sequences(9, size)
			want := wholeCache(t, teachers, v, size, set, k, temperature)
			for _, limit := range []int{1, 4, op.MaxHeadRows} {
				for _, threads := range []int{1, 3} {
					t.Run(fmt.Sprintf("%s, %d tokens, %d rows, %d threads", name, size, limit, threads), func(t *testing.T) {
						r := NewReader(teachers, v, size, k, temperature, newPool(t, threads))
						r.limit = min(r.limit, limit)
						got, err := r.Read(t.Context(), set, nil)
						if err != nil {
							t.Fatal(err)
						}
						if !reflect.DeepEqual(got, want) {
							t.Errorf("got %+v, want %+v", got, want)
						}
					})
				}
			}
		}
	}
}
