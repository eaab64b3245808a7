package distill

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/nn/op"
)

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
