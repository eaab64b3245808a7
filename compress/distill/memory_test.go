package distill

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/internal/testkit/allocs"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
	"limbeck/train"
)

// A way is how a student learns.
type way struct {
	cached   bool   // soft labels come from a cache
	fewer    bool   // the student lacks tokens
	numbers  string // f32, bf16, or the format that masters are rounded to
	memory   int64
	options  Options
	adapters bool // learn, beside frozen weights in Q8_0
}

// A step allocates nothing after the first, whatever the losses, where the
// teacher's answers come from, and the numbers that products see.
func TestStepAllocatesNothing(t *testing.T) {
	pool := newPool(t, 1) // another thread's wake-up may make the scheduler allocate
	for name, o := range map[string]Options{
		"forward": {Hard: 0.5, Response: 1, Temperature: 2, Direction: Forward},
		"reverse": {Hard: 0.5, Response: 1, Temperature: 2, Direction: Reverse},
		"usual":   {Hard: 0.5, Response: 1, Temperature: 1, Direction: Forward},
		"feature": {Feature: 1}, "relation": {Relation: 1}, "every": every,
	} {
		for i := range 1 << 3 {
			for _, numbers := range []string{"f32", "bf16", dtype.Q8_0.Name} {
				w := way{i&1 > 0, i&2 > 0, numbers, int64(i >> 2), o, false}
				if w.cached && o.Response == 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s, cached=%v, fewer=%v, %s, memory=%d", name, w.cached, w.fewer, numbers, w.memory), func(t *testing.T) {
					w.allocatesNothing(t, pool)
				})
			}
		}
	}
}

// Nor does a step of two threads, of all weights or of adapters.
func TestStepOfThreadsAllocatesNothing(t *testing.T) {
	pool := newPool(t, 2)
	for i := range 1 << 3 {
		for _, numbers := range []string{"f32", "bf16"} {
			w := way{i&1 > 0, i&1 > 0, numbers, int64(i >> 1 & 1), every, i>>2 > 0}
			t.Run(fmt.Sprintf("cached=%v, %s, memory=%d, adapters=%v", w.cached, w.numbers, w.memory, w.adapters), func(t *testing.T) {
				w.allocatesNothing(t, pool)
			})
		}
	}
}

func (w way) allocatesNothing(t *testing.T, pool *par.Pool) {
	if n := allocs.OfEach(1, func() func() {
		step, end := w.steps(t, pool)
		t.Cleanup(end)
		return step
	}); n > 0 {
		t.Errorf("%v allocations in the second step", n)
	}
}

// steps returns what makes a step of a training, and what ends it. The teacher is
// packed, as it is for recipes.
func (w way) steps(t *testing.T, pool *par.Pool) (step, end func()) {
	shape := testkit.Even("llama", true)
	teacher := testkit.Decoder(shape, dtype.Q8_0, 1)
	op.PackAll(teacher.Weights(), pool, nil)
	shape.Heads, shape.Width = 2, 32
	var v Vocabulary
	if w.fewer {
		shape.Vocab = 50
		for i := range shape.Vocab {
			v = append(v, i+10)
		}
	}
	m := trainable(decoder(shape, 3))
	if w.adapters {
		m = testkit.Decoder(shape, dtype.Q8_0, 3)
	}
	if w.numbers == dtype.Q8_0.Name {
		for _, x := range m.Weights() {
			if x.Rows > 1 {
				x.SetRounded(dtype.Q8_0)
			}
		}
	}
	var set []train.Sequence // of one length: nothing grows later
	for r := source(20); len(set) < 50; {
		set = append(set, train.Sequence{IDs: testkit.IDs(r, 8, shape.Vocab), From: 2})
	}
	var c *Cache
	if w.cached {
		c = newCache(t, []arch.Model{teacher}, v, shape.Vocab, set, 8, w.options.Temperature, 2)
	}
	var d train.Objective
	d, err := New(shape, teacher, v, c, w.options, pool)
	if err != nil {
		t.Fatal(err)
	}
	if w.adapters {
		a, err := train.Adapt(m, 4, 8, 1)
		if err != nil {
			t.Fatal(err)
		}
		d = a.Objective(d)
	}
	o := train.Defaults()
	o.Steps, o.EvalEvery, o.BatchTokens, o.MicroTokens = 100, 100, 30, 20
	o.BF16, o.Memory = w.numbers == "bf16", w.memory
	ctx, cancel := context.WithCancel(t.Context())
	next, stop := iter.Pull2(func(yield func(int, error) bool) {
		trainer, err := train.New(m, set, d, o, pool, train.Hooks{Progress: func(step, _ int, _ float64, _ int) {
			if !yield(step, nil) {
				cancel()
			}
		}})
		if err == nil {
			_, err = trainer.Run(ctx)
		}
		if ctx.Err() == nil {
			yield(0, err)
		}
	})
	return func() {
		if _, err, ok := next(); err != nil || !ok {
			t.Fatal("the training ended", err)
		}
	}, stop
}

// What a reader holds is what was foretold, up to what chunks of a tape's memory are
// rounded to: of one teacher or several, no logits of all rows.
func TestReaderHoldsWhatIsForetold(t *testing.T) {
	const tapeChunk, threads = 4 << 20, 2
	c := testkit.Even("llama", true)
	c.Width, c.Vocab = 128, 9000
	a, b := testkit.Decoder(c, dtype.Q8_0, 1), testkit.Decoder(c, dtype.Q8_0, 2)
	pool := newPool(t, threads)
	op.PackAll(a.Weights(), pool, nil)
	op.PackAll(b.Weights(), pool, nil)
	var set []train.Sequence
	for r := source(20); len(set) < 5; {
		set = append(set, train.Sequence{IDs: testkit.IDs(r, 200, c.Vocab), From: 1})
	}
	for _, teachers := range [][]arch.Model{{a}, {a, b}} {
		w := NewReader(teachers, nil, c.Vocab, 8, 1, pool)
		if _, err := w.Read(t.Context(), set, nil); err != nil {
			t.Fatal(err)
		}
		held, want := w.tape.Bytes(), 4*ReaderFloats(c, len(teachers), c.Vocab, 5*199, threads)
		if held > want+(1+len(teachers))*tapeChunk || held < want*9/10 {
			t.Errorf("%d teachers: %d bytes held, %d foretold", len(teachers), held, want)
		}
	}
}

// A live teacher's logits exist for no more rows than the head of its vocabulary takes,
// though the student's smaller one would have them for more, and say what a cache does.
func TestLiveTeacherInChunks(t *testing.T) {
	const tapeChunk = 4 << 20
	c, s := testkit.Even("llama", true), small()
	c.Width, c.Vocab, s.Vocab = 128, 9000, 50
	teacher, v := testkit.Decoder(c, dtype.F32, 1), Vocabulary(nil)
	op.PackAll(teacher.Weights(), newPool(t, 1), nil)
	for i := range s.Vocab {
		v = append(v, 3*i)
	}
	var set []train.Sequence
	for r := source(20); len(set) < 5; {
		set = append(set, train.Sequence{IDs: testkit.IDs(r, 200, s.Vocab), From: 1})
	}
	d, err := New(s, teacher, v, nil, Options{Response: 1, Temperature: 2, Direction: Forward}, newPool(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	d.Loss(recording(newPool(t, 1)), decoder(s, 3), batch(set))
	if held, most := d.tape.Bytes(), 4*op.HeadRows(c.Vocab)*c.Vocab+2*tapeChunk; held > most {
		t.Errorf("the teacher's tape holds %d bytes, want at most %d", held, most)
	}
	want := newCache(t, []arch.Model{teacher}, v, s.Vocab, set, s.Vocab, 2, 1)
	for row, p := range d.targets {
		if !slices.Equal(p.LogP, want.LogP[row*s.Vocab:(row+1)*s.Vocab]) {
			t.Fatalf("row %d: other probabilities than a cache's", row)
		}
	}
}
