package distill

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/nn/op"
)

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
