package distill

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/nn/op"
)

// termTolerance is relative, of losses that f32 sums of some hundred terms make.
const termTolerance = 1e-5

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 8)) }

// value runs f, which gives a loss, on a tape of its own.
func value(t *testing.T, f func(t *op.Tape) *op.Value) float64 {
	t.Helper()
	pool := par.New(2)
	defer pool.Close()
	tape := op.NewTape(pool)
	tape.Exact = true
	return float64(f(tape).Data[0])
}

func TestHiddenGradient(t *testing.T) {
	for _, s := range [][3]int{{1, 2, 2}, {5, 7, 11}, {9, 20, 6}} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			r := source(1)
			w := testkit.Weight(r, "w", s[2], s[1])
			want := testkit.Matrix(r, s[0], s[2]).Data
			testkit.CheckGradient(t, []*op.Value{testkit.Matrix(r, s[0], s[1])}, []*op.Weight{w}, func(t *op.Tape, x []*op.Value) *op.Value {
				return hiddenLoss(t, x[0], w, want, 0.3)
			})
		})
	}
}

// Two rows of two channels through a projection to one: differences 3 and −1.
func TestHiddenByHand(t *testing.T) {
	w := testkit.Weight(source(1), "w", 1, 2)
	copy(w.F32(), []float32{1, 2})
	h := &op.Value{Rows: 2, Cols: 2, Data: []float32{1, 1, 0, -1}}
	got := value(t, func(t *op.Tape) *op.Value { return hiddenLoss(t, h, w, []float32{0, -1}, 0.5) })
	if want := 0.5 * (9 + 1); math.Abs(got-want) > termTolerance {
		t.Errorf("loss %g, want %g", got, want)
	}
}

// The loss is zero where the projected states are the teacher's; it does not
// see what the projection does not, and is the same in rotated coordinates of
// the student's, if the projection rotates too.
func TestHiddenInvariances(t *testing.T) {
	const rows, width = 6, 12
	r := source(2)
	h := testkit.Matrix(r, rows, width)
	identity := newProjection("p", width, width, 1)
	if got := value(t, func(t *op.Tape) *op.Value { return hiddenLoss(t, h, identity, h.Data, 1) }); got != 0 {
		t.Errorf("equal states: loss %g, want 0", got)
	}
	w := testkit.Weight(r, "w", 5, width)
	want := testkit.Matrix(r, rows, 5).Data
	before := value(t, func(t *op.Tape) *op.Value { return hiddenLoss(t, h, w, want, 1) })
	turned, turnedW := slices.Clone(h.Data), testkit.Weight(r, "w", 5, width)
	copy(turnedW.F32(), w.F32())
	q := rotation(r, width)
	rotate(turned, q)
	rotate(turnedW.F32(), q)
	after := value(t, func(t *op.Tape) *op.Value {
		return hiddenLoss(t, &op.Value{Rows: rows, Cols: width, Data: turned}, turnedW, want, 1)
	})
	if math.Abs(after-before) > termTolerance*before {
		t.Errorf("rotated: loss %g, want %g", after, before)
	}
}

func TestProjection(t *testing.T) {
	a, b := newProjection("p", 40, 30, 1), newProjection("p", 40, 30, 1)
	if !slices.Equal(a.F32(), b.F32()) || slices.Equal(a.F32(), newProjection("p", 40, 30, 2).F32()) {
		t.Error("projections are not functions of their seeds")
	}
	var sum float64
	for _, v := range a.F32() {
		sum += float64(v) * float64(v)
	}
	if variance := sum / 1200; math.Abs(variance*40-1) > 0.15 { // four deviations of 1200 squares
		t.Errorf("variance %g, want 1/40", variance)
	}
	if a.Rows != 30 || a.Cols != 40 || a.Grad == nil {
		t.Errorf("%d×%d, trainable %v; want 30×40", a.Rows, a.Cols, a.Grad != nil)
	}
}

func TestRelationGradient(t *testing.T) {
	for _, c := range []struct {
		width, teacher, heads int
		lengths               []int
	}{{2, 2, 1, []int{2}}, {12, 20, 4, []int{5, 1, 3}}, {15, 9, 3, []int{18}}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			seqs, rows := batchOf(c.lengths)
			r := source(3)
			want := testkit.Matrix(r, rows, c.teacher).Data
			testkit.CheckGradient(t, []*op.Value{testkit.Matrix(r, rows, c.width)}, nil, func(t *op.Tape, x []*op.Value) *op.Value {
				return relationLoss(t, x[0], want, c.teacher, c.heads, seqs, 0.25)
			})
		})
	}
}

func batchOf(lengths []int) (seqs []op.Seq, rows int) {
	for _, n := range lengths {
		seqs = append(seqs, op.Seq{Len: n})
		rows += n
	}
	return seqs, rows
}

// Two tokens of one channel: the second relates to the first and itself by
// softmax(x₁x₂, x₂²); the first to itself alone, which costs nothing.
func TestRelationByHand(t *testing.T) {
	x := &op.Value{Rows: 2, Cols: 1, Data: []float32{1, 2}}
	teacher := []float32{3, 0} // scores 0 and 0: even
	got := value(t, func(t *op.Tape) *op.Value { return relationLoss(t, x, teacher, 1, 1, []op.Seq{{Len: 2}}, 0.5) })
	q := math.Exp(2) / (math.Exp(2) + math.Exp(4))
	want := 0.5 * (0.5*math.Log(0.5/q) + 0.5*math.Log(0.5/(1-q)))
	if math.Abs(got-want) > termTolerance {
		t.Errorf("loss %g, want %g", got, want)
	}
}

// Relations are within heads and sequences: rotating a head's channels changes
// nothing, of student and teacher each; nor does the order of heads, if both
// change it; widths may differ. Other sequences of a batch add their own loss.
func TestRelationInvariances(t *testing.T) {
	const width, teacherWidth, heads = 24, 16, 4
	seqs, rows := batchOf([]int{7, 4})
	r := source(4)
	x, g := testkit.Matrix(r, rows, width).Data, testkit.Matrix(r, rows, teacherWidth).Data
	loss := func(x, g []float32, teacherWidth int, seqs []op.Seq) float64 {
		return value(t, func(t *op.Tape) *op.Value {
			return relationLoss(t, &op.Value{Rows: len(x) / width, Cols: width, Data: x}, g, teacherWidth, heads, seqs, 1)
		})
	}
	want := loss(x, g, teacherWidth, seqs)
	if want <= 0 {
		t.Fatalf("loss %g, want a positive one", want)
	}
	check := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > termTolerance*want {
			t.Errorf("%s: loss %g, want %g", what, got, want)
		}
	}
	turned, turnedG := slices.Clone(x), slices.Clone(g)
	for h := range heads {
		rotateHead(turned, width, heads, h, rotation(r, width/heads))
		rotateHead(turnedG, teacherWidth, heads, h, rotation(r, teacherWidth/heads))
	}
	check("rotated heads", loss(turned, turnedG, teacherWidth, seqs), want)
	check("heads in another order", loss(swapHeads(x, width, heads), swapHeads(g, teacherWidth, heads), teacherWidth, seqs), want)
	check("sequence by sequence", loss(x[:7*width], g[:7*teacherWidth], teacherWidth, seqs[:1])+
		loss(x[7*width:], g[7*teacherWidth:], teacherWidth, seqs[1:]), want)

	wholly := slices.Clone(turned) // turned against itself before: equal relations
	if got := loss(wholly, x, width, seqs); math.Abs(got) > termTolerance {
		t.Errorf("a rotation of the teacher itself: loss %g, want 0", got)
	}
	// A rotation across heads is another relation.
	across := slices.Clone(x)
	rotate(across, rotation(r, width))
	if got := loss(across, x, width, seqs); got < 100*termTolerance {
		t.Errorf("a rotation across heads: loss %g, want more", got)
	}
}

// rotation returns a random orthogonal matrix, [n, n]: the Gram–Schmidt
// orthogonalization of a normal one.
func rotation(r *rand.Rand, n int) [][]float64 {
	q := make([][]float64, n)
	for i := range q {
		q[i] = make([]float64, n)
		for k := range q[i] {
			q[i][k] = r.NormFloat64()
		}
		for pass := 0; pass < 2; pass++ {
			for _, p := range q[:i] {
				along := dot(q[i], p)
				for k := range q[i] {
					q[i][k] -= along * p[k]
				}
			}
		}
		length := math.Sqrt(dot(q[i], q[i]))
		for k := range q[i] {
			q[i][k] /= length
		}
	}
	return q
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// rotate turns every row of x.
func rotate(x []float32, q [][]float64) { rotateHead(x, len(q), 1, 0, q) }

// rotateHead turns one head's channels in every row of x.
func rotateHead(x []float32, width, heads, head int, q [][]float64) {
	d := width / heads
	for at := head * d; at < len(x); at += width {
		was := make([]float64, d)
		for i := range was {
			was[i] = float64(x[at+i])
		}
		for i := range was {
			x[at+i] = float32(dot(q[i], was))
		}
	}
}

// swapHeads returns x with its heads in reverse order.
func swapHeads(x []float32, width, heads int) (out []float32) {
	d := width / heads
	for row := 0; row < len(x); row += width {
		for h := heads - 1; h >= 0; h-- {
			out = append(out, x[row+h*d:row+(h+1)*d]...)
		}
	}
	return out
}
