// Package op holds the differentiable operations: one file each, with the
// forward and the backward pass side by side, but for attention, which is
// attention.go, flash.go and, backward, attentiongrad.go. Beside them stands what
// they work on and with: weights and their packing, caches and their formats, the
// matrix product of trainings, profiles and costs, and the memory of tapes.
//
// Operations read and write [Value]s, f32 matrices whose memory a [Tape] owns.
// The same call infers and trains: a recording tape remembers each operation
// and can run them backward; any other forgets it at once. Every order of
// accumulation depends on shapes alone, so that results have the same bits for
// any number of threads and however a batch was cut.
package op

import (
	"limbeck/internal/par"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// A Value is an activation: Rows×Cols, row-major. It lives until its tape is
// reset, released to a mark before it, or past the operation that made it on
// the way back.
type Value struct {
	Rows, Cols int
	Data       []float32
	Grad       []float32 // set during [Tape.Backward]; see [Tape.Grad]

	form   *kernel.Activations // of formed
	formed []float32           // Data as the last product with packed weights wanted it
	maker  maker               // makes Data again, if it was dropped
}

// Row returns row i.
func (v *Value) Row(i int) []float32 { return v.Data[i*v.Cols : (i+1)*v.Cols] }

// A Node is a recorded operation. Backward adds to the gradients of its inputs
// and weights what follows from the gradient of its output. Op is the name that a
// [Profile] has for it, in lower case: the usual term, as matmul or rmsnorm.
type Node interface {
	Backward(t *Tape)
	Op() string
}

// A maker is a node that can compute the elements of its output again, as its
// forward pass did.
type maker interface{ compute(t *Tape) }

// A Tape runs operations, owns the memory of their values, and records them
// when asked. It serves one goroutine at a time.
type Tape struct {
	Pool *par.Pool

	// Exact multiplies in f32; otherwise products with packed weights take
	// int8 activations. Attention rounds as the format of its keys and values has
	// it, exact or not.
	Exact bool

	// KV is the format in which attention keeps keys and values of sequences
	// without a cache, so that they get what they get with one of that format;
	// nil: f32, or bf16 where BF16 rounds them. A tape that records takes it for nil.
	KV *dtype.Type

	// BF16 rounds what products of trained weights, and those of attention with
	// neither a cache nor KV, multiply to bf16, forward and backward; sums, weights
	// and their gradients stay f32. Where bf16 is multiplied no faster, nothing is
	// rounded: on some processors at all, on others in attention over few positions
	// ([kernel.LeastPairs]).
	BF16 bool

	// Recompute is how many blocks of a model, the first ones, a recording tape
	// does not keep the values of: see [Recompute].
	Recompute int

	// OnTap, if not nil, is shown the values that models name. A value may be
	// overwritten once OnTap returns: copy it. Only a recording tape keeps those
	// whose names end in ".out", but for a norm's.
	OnTap func(name string, v *Value)

	// Profile, if not nil, adds up where the time goes.
	Profile *Profile

	recording bool
	taps      map[tap]string // names that were shown: they are joined once
	entries   []entry
	slabs     []resetter
	mem       arena
	free      freelist    // of values and gradients on a tape that records
	lent      []*Value    // whose Data is free's
	rows      int         // see Reserve
	scratch   [][]float32 // one a worker
	gemm      GEMM
	products  []foreseen // of a pass, in their order
	product   int        // the number of the next one
}

type entry struct {
	node Node   // nil where out is one of several that a node recorded after it made
	out  *Value // nil if the operation works in place, or has several
}

// NewTape returns an empty tape whose operations run on pool.
func NewTape(pool *par.Pool) *Tape {
	return &Tape{Pool: pool, scratch: make([][]float32, pool.Threads())}
}

// SetRecording says whether the operations to come are remembered for
// [Tape.Backward].
func (t *Tape) SetRecording(on bool) { t.recording = on }

// Recording reports whether operations are remembered.
func (t *Tape) Recording() bool { return t.recording }

// Reset forgets all operations and takes back the memory of all values.
func (t *Tape) Reset() {
	t.Charge(Outside)
	t.entries = t.entries[:0]
	for _, v := range t.lent {
		t.takeBack(v)
	}
	t.lent = t.lent[:0]
	t.mem.reset()
	t.product = 0
	for _, s := range t.slabs {
		s.reset()
	}
}

// A Mark is a point in a tape's memory.
type Mark struct{ chunk, used int }

// Mark returns the present point of t's memory.
func (t *Tape) Mark() Mark { return Mark{t.mem.current, t.mem.used} }

// Release takes back the memory of the values made since m. It does nothing on
// a recording tape, which still needs them.
func (t *Tape) Release(m Mark) {
	if !t.recording {
		t.rewind(m)
	}
}

// rewind takes back the memory since m, of which nothing is in use.
func (t *Tape) rewind(m Mark) { t.mem.current, t.mem.used = m.chunk, m.used }

// Reserve says that recorded values will have up to so many rows: memory that
// batches of any size leave then serves all of them.
func (t *Tape) Reserve(rows int) { t.rows = max(t.rows, rows) }

// Value returns a new matrix; its elements are not defined.
func (t *Tape) Value(rows, cols int) *Value {
	v := Alloc[Value](t)
	*v = Value{Rows: rows, Cols: cols}
	if t.recording {
		v.Data = t.borrow(rows, cols)
		t.lent = append(t.lent, v)
	} else {
		v.Data = t.mem.take(rows * cols)
	}
	return v
}

// borrow returns a matrix from the free list, of which only one is held for all
// numbers of rows up to the reserve.
func (t *Tape) borrow(rows, cols int) []float32 {
	return t.free.get(max(rows, t.rows) * cols)[:rows*cols]
}

// Drop says that v, whose memory serves others at once, is not read by the
// operations to come. On the way back, who needs its elements has them made
// again. It does nothing on a tape that does not record.
func (t *Tape) Drop(v *Value) {
	if t.recording {
		t.takeBack(v)
	}
}

func (t *Tape) takeBack(v *Value) {
	if v.Data != nil {
		t.free.put(v.Data)
		v.Data = nil
	}
}

func (t *Tape) takeBackGrad(v *Value) {
	if v.Grad != nil {
		t.free.put(v.Grad)
		v.Grad = nil
	}
}

// again returns v with its elements, on the way back.
func (t *Tape) again(v *Value) *Value {
	if v.Data == nil {
		v.Data = t.borrow(v.Rows, v.Cols)
		v.maker.compute(t)
	}
	return v
}

// Floats returns memory that lives as long as a value; its elements are not
// defined.
func (t *Tape) Floats(n int) []float32 { return t.mem.take(n) }

// Record remembers n, which has computed out; out is nil if n worked in place.
func (t *Tape) Record(n Node, out *Value) {
	t.ran(n, false)
	if t.recording {
		t.entries = append(t.entries, entry{n, out})
		if out != nil {
			out.maker, _ = n.(maker)
		}
	}
}

// recordAll is Record of a node that has computed several values. None is made again: who
// drops one must not need its elements on the way back.
func (t *Tape) recordAll(n Node, outs []*Value) {
	if t.recording {
		for _, v := range outs {
			t.entries = append(t.entries, entry{out: v})
		}
	}
	t.Record(n, nil)
}

// Tap shows v to whoever listens, under the name prefix + name.
func (t *Tape) Tap(prefix, name string, v *Value) {
	if t.OnTap != nil {
		t.OnTap(t.joined(tap{prefix, name}), v)
	}
}

type tap struct{ prefix, name string }

func (t *Tape) joined(n tap) string {
	s, ok := t.taps[n]
	if !ok {
		if t.taps == nil {
			t.taps = map[tap]string{}
		}
		s = n.prefix + n.name
		t.taps[n] = s
	}
	return s
}

// Backward runs the recorded operations backward, from a loss of one element.
// Gradients of weights add up over calls; values that operations made, and
// their gradients, are gone after it.
func (t *Tape) Backward(loss *Value) {
	t.Grad(loss)[0] = 1
	t.backTo(0)
}

// backTo runs the operations from the first-th on backward and forgets them.
func (t *Tape) backTo(first int) {
	for len(t.entries) > first {
		e := t.entries[len(t.entries)-1]
		t.entries = t.entries[:len(t.entries)-1]
		if e.out == nil {
			e.node.Backward(t)
			t.ran(e.node, true)
			continue
		}
		if e.node == nil {
			t.takeBackGrad(e.out)
		} else if e.out.Grad != nil {
			e.node.Backward(t)
			t.takeBackGrad(e.out)
			t.ran(e.node, true)
		}
		t.takeBack(e.out)
	}
}

// Grad returns v's gradient, which starts at zero.
func (t *Tape) Grad(v *Value) []float32 {
	g, add := t.grad(v)
	if !add {
		clear(g)
	}
	return g
}

// grad returns v's gradient; add is false if nothing has been written there and
// the caller must overwrite every element.
func (t *Tape) grad(v *Value) (g []float32, add bool) {
	add = v.Grad != nil
	if !add {
		v.Grad = t.borrow(v.Rows, v.Cols)
	}
	return v.Grad, add
}

// inPairs reports whether a training multiplies pairs of bf16.
func (t *Tape) inPairs() bool { return t.BF16 && kernel.FastPairs() }

// mul computes c = a·b, or adds it, as a training multiplies.
func (t *Tape) mul(c, a, b kernel.Mat, add bool) {
	t.gemm.BF16 = t.BF16
	t.gemm.Mul(t.Pool, c, a, b, add)
}

// mulAll is mul of several products, which may share factors.
func (t *Tape) mulAll(products []product) {
	t.gemm.BF16 = t.BF16
	t.gemm.mulAll(t.Pool, products)
}

// Bytes returns the memory that t holds.
func (t *Tape) Bytes() int {
	n := t.free.floats + t.mem.floats() + t.gemm.floats()
	for _, s := range t.scratch {
		n += len(s)
	}
	return 4 * n
}

// Scratch returns n floats that belong to worker until its next call. Their
// elements are not defined.
func (t *Tape) Scratch(worker, n int) []float32 {
	if len(t.scratch[worker]) < n {
		t.scratch[worker] = make([]float32, n+n/4)
	}
	return t.scratch[worker][:n]
}
