package op_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

// sizes of rows, inputs and outputs: around and off the kernels' blocks.
var sizes = [][3]int{{1, 1, 1}, {1, 7, 3}, {5, 16, 16}, {17, 33, 31}, {70, 19, 50}}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }

func values(v ...*op.Value) []*op.Value    { return v }
func weights(w ...*op.Weight) []*op.Weight { return w }

func TestMatMulGradient(t *testing.T) {
	for _, s := range sizes {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			r := source(1)
			w := testkit.Weight(r, "w", s[2], s[1])
			testkit.CheckGradient(t, values(testkit.Matrix(r, s[0], s[1])), weights(w), func(t *op.Tape, x []*op.Value) *op.Value {
				return op.MatMul(t, x[0], w)
			})
		})
	}
}

// Products of the same values are one node, whatever of it is used or learns.
func TestMatMulsGradient(t *testing.T) {
	for _, s := range sizes {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			r := source(21)
			in := testkit.Matrix(r, s[0], s[1])
			u, v, w := testkit.Weight(r, "u", s[2], s[1]), testkit.Weight(r, "v", s[2], s[1]), testkit.Weight(r, "w", s[2]+3, s[1])
			testkit.CheckGradient(t, values(in), weights(u, v), func(t *op.Tape, x []*op.Value) *op.Value {
				y := op.MatMuls(t, x[0], u, v, w)
				return op.AddScaled(t, y[0], y[1], -2)
			})
			v.Freeze()
			testkit.CheckGradient(t, values(in), weights(u), func(t *op.Tape, x []*op.Value) *op.Value {
				y := op.MatMuls(t, x[0], u, v)
				return op.AddScaled(t, y[0], y[1], 3)
			})
		})
	}
}

// A value used twice gets the sum of both gradients, and so does a weight.
func TestSharedGradient(t *testing.T) {
	r := source(2)
	w := testkit.Weight(r, "w", 13, 13)
	testkit.CheckGradient(t, values(testkit.Matrix(r, 6, 13)), weights(w), func(t *op.Tape, x []*op.Value) *op.Value {
		y := op.MatMul(t, x[0], w)
		z := op.AddScaled(t, x[0], y, 0.5)
		return op.Add(t, op.Add(t, z, op.MatMul(t, y, w)), y)
	})
	testkit.CheckGradient(t, values(testkit.Matrix(r, 6, 13)), weights(w), func(t *op.Tape, x []*op.Value) *op.Value {
		y := op.MatMul(t, x[0], w)
		z := op.MatMul(t, y, w)
		return op.Add(t, op.Add(t, x[0], y), op.AddScaled(t, z, y, -3))
	})
}

// A frozen weight, of any format and layout, passes the gradient on and gets
// none.
func TestFrozenWeights(t *testing.T) {
	for _, format := range []*dtype.Type{dtype.F32, dtype.F16, dtype.Q8_0, dtype.Q4_0} {
		for _, packed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, packed %v", format, packed), func(t *testing.T) {
				r := source(3)
				w := testkit.Weight(r, "w", 21, 64)
				frozen, err := w.Tensor().Convert(format, nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Set(frozen); err != nil {
					t.Fatal(err)
				}
				if packed {
					w.Pack(onePool(t), nil)
				}
				testkit.CheckGradient(t, values(testkit.Matrix(r, 9, 64)), weights(w), func(t *op.Tape, x []*op.Value) *op.Value {
					return op.MatMul(t, x[0], w)
				})
				if w.Grad != nil {
					t.Error("the frozen weight has a gradient")
				}
			})
		}
	}
}

// A large frozen weight is decoded in bands, whose gradients add up to that of the
// whole.
func TestFrozenWeightsInBands(t *testing.T) {
	r := source(20)
	w := testkit.Weight(r, "w", 1100, 2048) // three bands
	frozen, err := w.Tensor().Convert(dtype.F16, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Set(frozen); err != nil {
		t.Fatal(err)
	}
	testkit.CheckGradient(t, values(testkit.Matrix(r, 2, 2048)), nil, func(t *op.Tape, x []*op.Value) *op.Value {
		return op.MatMul(t, x[0], w)
	})
}

func TestFreeze(t *testing.T) {
	r := source(4)
	table, norm := testkit.Weight(r, "table", 11, 10), testkit.Weight(r, "norm", 1, 10)
	table.Freeze()
	norm.Freeze()
	in := testkit.Matrix(r, 3, 10)
	testkit.CheckGradient(t, values(in), weights(table, norm), func(t *op.Tape, x []*op.Value) *op.Value {
		y := op.RMSNorm(t, op.Add(t, x[0], op.Embed(t, table, []int{4, 0, 4})), norm, 1e-5, nil)
		return op.HeadLoss(t, y, table, &op.CrossEntropy{Targets: []int{1, 2, 10}, Weight: 0.5})
	})
	if table.Grad != nil || norm.Grad != nil {
		t.Error("a frozen weight has a gradient")
	}
}

func TestEmbedGradient(t *testing.T) {
	w := testkit.Weight(source(5), "w", 9, 11)
	testkit.CheckGradient(t, nil, weights(w), func(t *op.Tape, _ []*op.Value) *op.Value {
		return op.Embed(t, w, []int{3, 0, 8, 3, 3}) // a token may occur twice
	})
}

func TestRMSNormGradient(t *testing.T) {
	for _, s := range [][2]int{{1, 2}, {3, 17}, {16, 16}, {35, 40}} {
		for _, eps := range []float32{1e-5, 0.5} {
			t.Run(fmt.Sprint(s, eps), func(t *testing.T) {
				r := source(6)
				w := testkit.Weight(r, "w", 1, s[1])
				testkit.CheckGradient(t, values(testkit.Matrix(r, s[0], s[1])), weights(w), func(t *op.Tape, x []*op.Value) *op.Value {
					return op.RMSNorm(t, x[0], w, eps, nil)
				})
			})
		}
	}
}

func TestSwiGLUGradient(t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {2, 9}, {19, 33}} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			r := source(7)
			testkit.CheckGradient(t, values(testkit.Matrix(r, s[0], s[1]), testkit.Matrix(r, s[0], s[1])), nil,
				func(t *op.Tape, x []*op.Value) *op.Value { return op.SwiGLU(t, x[0], x[1], nil) })
		})
	}
}

func TestAddGradient(t *testing.T) {
	for _, s := range []float32{1, -0.25} {
		r := source(8)
		testkit.CheckGradient(t, values(testkit.Matrix(r, 3, 21), testkit.Matrix(r, 3, 21)), nil,
			func(t *op.Tape, x []*op.Value) *op.Value { return op.AddScaled(t, x[0], x[1], s) })
	}
	r := source(9)
	testkit.CheckGradient(t, values(testkit.Matrix(r, 2, 5), testkit.Matrix(r, 2, 5)), nil,
		func(t *op.Tape, x []*op.Value) *op.Value { return op.Add(t, x[0], x[1]) })
}

func TestRowsGradient(t *testing.T) {
	testkit.CheckGradient(t, values(testkit.Matrix(source(10), 6, 7)), nil,
		func(t *op.Tape, x []*op.Value) *op.Value { return op.Rows(t, x[0], []int{5, 0, 5, 2}) })
}

// Positions start anew with every sequence of a batch.
func TestRoPEGradient(t *testing.T) {
	for _, dims := range []int{2, 6, 16, 18} {
		t.Run(fmt.Sprint(dims), func(t *testing.T) {
			rotation := op.NewRotation(dims, 100, 10)
			b := op.Batch{Seqs: []op.Seq{{Len: 5}, {Len: 1}, {Len: 3}}}
			testkit.CheckGradient(t, values(testkit.Matrix(source(11), 9, 3*dims)), nil, func(t *op.Tape, x []*op.Value) *op.Value {
				op.RoPE(t, x[0], rotation, b)
				return x[0]
			})
		})
	}
}

// Heads alone, in groups, and all on one; documents packed into one batch, some
// of them longer than the blocks of queries and of keys.
func TestAttentionGradient(t *testing.T) {
	for _, h := range []op.Heads{{Query: 1, KV: 1, Dim: 2}, {Query: 3, KV: 3, Dim: 7}, {Query: 4, KV: 2, Dim: 16}, {Query: 3, KV: 1, Dim: 18}} {
		for _, lengths := range [][]int{{1, 1}, {5}, {3, 1, 8}, {33, 17, 40}} {
			t.Run(fmt.Sprint(h, lengths), func(t *testing.T) {
				var b op.Batch
				rows := 0
				for _, n := range lengths {
					b.Seqs = append(b.Seqs, op.Seq{Len: n})
					rows += n
				}
				r := source(12)
				in := values(testkit.Matrix(r, rows, h.Query*h.Dim), testkit.Matrix(r, rows, h.KV*h.Dim), testkit.Matrix(r, rows, h.KV*h.Dim))
				if rows == len(lengths) { // of one position each: queries and keys do not matter
					in = in[2:]
				}
				qk := testkit.Matrix(r, rows, h.Query*h.Dim)
				testkit.CheckGradient(t, in, nil, func(t *op.Tape, x []*op.Value) *op.Value {
					if len(x) == 1 {
						return op.Attention(t, qk, &op.Value{Rows: rows, Cols: h.KV * h.Dim, Data: qk.Data[:rows*h.KV*h.Dim]}, x[0], h, 0, nil, b)
					}
					return op.Attention(t, x[0], x[1], x[2], h, 0, nil, b)
				})
			})
		}
	}
}

func TestCrossEntropyGradient(t *testing.T) {
	// The last has more rows than a chunk of logits.
	for _, s := range [][3]int{{1, 3, 2}, {5, 17, 33}, {op.MaxHeadRows + 76, 2, 5}} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			r := source(13)
			w := testkit.Weight(r, "w", s[2], s[1])
			loss := &op.CrossEntropy{Targets: testkit.IDs(r, s[0], s[2]), Weight: 1 / float32(s[0])}
			testkit.CheckGradient(t, values(testkit.Matrix(r, s[0], s[1])), weights(w), func(t *op.Tape, x []*op.Value) *op.Value {
				return op.HeadLoss(t, x[0], w, loss)
			})
		})
	}
}

// What is added has the shape of what it is added to.
func TestAddRefusesOtherShapes(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	tape := op.NewTape(pool)
	for _, shape := range [][2]int{{2, 6}, {4, 3}, {3, 5}, {3, 4}} { // as many elements, too
		refused := func() (refused bool) {
			defer func() { refused = recover() == "op: add: shapes differ" }()
			op.Add(tape, tape.Value(3, 4), tape.Value(shape[0], shape[1]))
			return false
		}()
		if refused != (shape != [2]int{3, 4}) {
			t.Errorf("3×4 + %d×%d: refused: %v", shape[0], shape[1], refused)
		}
	}
}

// The weight's gradient is added as the loss is computed: a gradient of the loss
// other than one comes too late.
func TestHeadLossRefusesToBeScaled(t *testing.T) {
	r := source(18)
	pool := par.New(1)
	defer pool.Close()
	for _, scale := range []float32{1, 0.5} {
		w := testkit.Weight(r, "head", 5, 4)
		w.SetTrainable()
		tape := op.NewTape(pool)
		tape.SetRecording(true)
		loss := op.HeadLoss(tape, values(testkit.Matrix(r, 2, 4))[0], w, &op.CrossEntropy{Targets: []int{1, 2}, Weight: 1})
		y := op.Sum(tape, []*op.Value{loss}, []float32{scale})
		refused := func() (refused bool) {
			defer func() { refused = recover() != nil }()
			tape.Backward(y)
			return false
		}()
		if refused != (scale != 1) {
			t.Errorf("a gradient of %v: refused: %v", scale, refused)
		}
	}
}

func TestRowLossesGradient(t *testing.T) {
	r := source(14)
	w := testkit.Weight(r, "w", 15, 8)
	loss := op.RowLosses{
		&op.CrossEntropy{Targets: []int{1, 14, 0, 3}, Weight: 0.7},
		&op.CrossEntropy{Targets: []int{0, 0, 5, 3}, Weight: 0.2},
	}
	testkit.CheckGradient(t, values(testkit.Matrix(r, 4, 8)), weights(w), func(t *op.Tape, x []*op.Value) *op.Value {
		return op.HeadLoss(t, x[0], w, loss)
	})
}

func TestSumGradient(t *testing.T) {
	one := func(v float32) *op.Value { return &op.Value{Rows: 1, Cols: 1, Data: []float32{v}} }
	testkit.CheckGradient(t, values(one(1.5), one(-1), one(2)), nil, func(t *op.Tape, x []*op.Value) *op.Value {
		return op.Sum(t, x, []float32{1, -2, 0.5})
	})
}

// A stage has the same gradients when it runs again on the way back; its input
// may be used beside it.
func TestRecomputeGradient(t *testing.T) {
	r := source(11)
	s := &stage{testkit.Weight(r, "norm", 1, 12), testkit.Weight(r, "up", 20, 12), testkit.Weight(r, "down", 12, 20)}
	testkit.CheckGradient(t, values(testkit.Matrix(r, 9, 12)), weights(s.norm, s.up, s.down), func(t *op.Tape, x []*op.Value) *op.Value {
		y := op.Recompute(t, s, op.AddScaled(t, x[0], x[0], 0.5), op.Batch{})
		return op.Recompute(t, s, y, op.Batch{})
	})
}

// A stage that is run again computes what it computed first, on a tape that would
// otherwise keep keys and values in a format of its own.
func TestRecomputeAttendsAsRecorded(t *testing.T) {
	r := source(19)
	h := op.Heads{Query: 2, KV: 1, Dim: 32}
	s := attending{testkit.Weight(r, "q", 64, 64), testkit.Weight(r, "k", 32, 64), testkit.Weight(r, "v", 32, 64), h}
	x := values(testkit.Matrix(r, 7, 64))[0]
	b := op.Batch{Seqs: []op.Seq{{Len: 7}}}
	pool := par.New(1)
	defer pool.Close()
	for _, format := range op.KVTypes() {
		t.Run(format.Name, func(t *testing.T) {
			tape := op.NewTape(pool)
			tape.SetRecording(true)
			want := slices.Clone(s.Forward(tape, x, b).Data)
			tape.KV = format
			if got := op.Recompute(tape, s, x, b).Data; !slices.Equal(got, want) {
				t.Errorf("%v first, %v when it is recorded", got[:4], want[:4])
			}
			if tape.KV != format {
				t.Errorf("the tape's format is %v after it, want %v", tape.KV, format)
			}
		})
	}
}

// attending is a stage of attention alone.
type attending struct {
	q, k, v *op.Weight
	heads   op.Heads
}

func (s attending) Forward(t *op.Tape, x *op.Value, b op.Batch) *op.Value {
	return op.Attention(t, op.MatMul(t, x, s.q), op.MatMul(t, x, s.k), op.MatMul(t, x, s.v), s.heads, 0, nil, b)
}

// stage is x + down(silu(up(n))·up(n)), n being the norm of x.
type stage struct{ norm, up, down *op.Weight }

func (s *stage) Forward(t *op.Tape, x *op.Value, _ op.Batch) *op.Value {
	m := t.Mark()
	n := op.RMSNorm(t, x, s.norm, 1e-5, s.up)
	h := op.SwiGLU(t, op.MatMul(t, n, s.up), op.MatMul(t, n, s.up), nil)
	d := op.MatMul(t, h, s.down)
	y := op.Add(t, x, d)
	t.Drop(n)
	t.Drop(h)
	t.Drop(d)
	t.Release(m)
	return y
}
