package testkit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/nn/op"
)

const (
	// gradientTolerance bounds |difference − gradient| relative to the
	// gradient's norm. A loss in f32 carries noise of about 1e-7; where a step
	// of a variable changes it by 1e-3, that makes 1e-4. A wrong element of a
	// variable of n elements shows as 1/√n, far above for the sizes that tests
	// use.
	gradientTolerance = 5e-4

	directions = 6 // in which each variable is moved
)

// gradientSteps are the steps of differences, relative to the root mean square
// of a variable. Noise falls with the step, and truncation grows with its
// fourth power: functions that are nearly straight want the longer one, others
// the shorter. The better of both counts.
var gradientSteps = []float64{1e-2, 3e-2}

// CheckGradient fails unless the gradients of f by its inputs and weights are
// what central differences say. f may return a matrix of any shape: what is
// differentiated is a random combination of its elements, added up in float64;
// a loss of one element stands for itself. f is called with fresh copies of
// inputs, on exact tapes that record and that do not, and must return the same
// bits from both; gradients must have the same bits on any number of threads.
// Weights that are frozen must stay without gradient.
//
// A variable is moved as a whole, along directions of random signs: an element
// that is wrong shows in every one of them.
func CheckGradient(t testing.TB, inputs []*op.Value, weights []*op.Weight, f func(t *op.Tape, x []*op.Value) *op.Value) {
	t.Helper()
	c := &checker{t: t, inputs: inputs, weights: weights, f: f}
	c.check()
}

// CheckRecordedGradient is [CheckGradient] of a function that only recording
// tapes can run, as an objective of a training.
func CheckRecordedGradient(t testing.TB, inputs []*op.Value, weights []*op.Weight, f func(t *op.Tape, x []*op.Value) *op.Value) {
	t.Helper()
	c := &checker{t: t, inputs: inputs, weights: weights, f: f, recorded: true}
	c.check()
}

func (c *checker) check() {
	t := c.t
	t.Helper()
	var want [][]float32
	for _, threads := range []int{3, 2, 1} { // on the last the differences are taken
		pool := par.New(threads)
		defer pool.Close()
		c.pool = pool
		got := c.gradients()
		for i, g := range got {
			if want != nil && !slices.Equal(g, want[i]) {
				t.Errorf("gradient of %s: other bits on %d threads than on 3", c.name(i), threads)
			}
		}
		want = got
	}
	r := rand.New(rand.NewPCG(7, uint64(len(want))))
	for i, g := range want {
		if g != nil {
			c.compare(i, g, r)
		}
	}
}

// A checker holds one function and the variables that it depends on: inputs
// first, then weights.
type checker struct {
	t       testing.TB
	pool    *par.Pool
	inputs  []*op.Value
	weights []*op.Weight
	f       func(t *op.Tape, x []*op.Value) *op.Value

	recorded bool // f wants tapes that record
}

func (c *checker) name(i int) string {
	if i < len(c.inputs) {
		return fmt.Sprintf("input %d", i)
	}
	w := c.weights[i-len(c.inputs)]
	return fmt.Sprintf("weight %d (%s)", i-len(c.inputs), w.Name)
}

// variable returns the elements of a variable, to be moved.
func (c *checker) variable(i int) []float32 {
	if i < len(c.inputs) {
		return c.inputs[i].Data
	}
	return c.weights[i-len(c.inputs)].F32()
}

// run returns the value of f, on a tape of its own, and what it read.
func (c *checker) run(recording bool) (tape *op.Tape, loss *op.Value, value float64, in []*op.Value) {
	tape = op.NewTape(c.pool)
	tape.Exact = true
	tape.SetRecording(recording)
	for _, x := range c.inputs {
		v := tape.Value(x.Rows, x.Cols)
		copy(v.Data, x.Data)
		in = append(in, v)
	}
	y := c.f(tape, in)
	if len(y.Data) == 1 {
		return tape, y, float64(y.Data[0]), in
	}
	n := combine(tape, y)
	return tape, n.y, n.sum, in
}

// gradients returns the gradient of every variable, nil for frozen weights.
func (c *checker) gradients() (out [][]float32) {
	for _, w := range c.weights {
		clear(w.Grad)
	}
	tape, loss, value, in := c.run(true)
	tape.Backward(loss)
	for _, v := range in {
		out = append(out, slices.Clone(v.Grad))
	}
	for _, w := range c.weights {
		out = append(out, slices.Clone(w.Grad))
		clear(w.Grad)
	}
	if _, _, other, _ := c.run(c.recorded); other != value {
		c.t.Errorf("value %g on a tape that records, %g on the tape of differences", value, other)
	}
	return out
}

// compare moves variable i along random signs and compares with its gradient.
func (c *checker) compare(i int, grad []float32, r *rand.Rand) {
	x := c.variable(i)
	if len(grad) != len(x) {
		c.t.Errorf("gradient of %s: %d elements, want %d", c.name(i), len(grad), len(x))
		return
	}
	was, norm := slices.Clone(x), length(grad)
	defer copy(x, was)
	size := max(length(was)/math.Sqrt(float64(len(was))), 1e-3)
	sign := make([]float32, len(x))
	worst, moved := 0.0, false
	for range directions {
		var want float64 // the derivative along the direction
		for k := range sign {
			sign[k] = float32(2*r.IntN(2) - 1)
			want += float64(sign[k]) * float64(grad[k])
		}
		off := math.Inf(1)
		for _, step := range gradientSteps {
			got := c.derivative(x, was, sign, step*size)
			moved = moved || got != 0
			off = min(off, math.Abs(got-want)/max(norm, math.Abs(got), math.SmallestNonzeroFloat64))
		}
		if !(off <= worst) {
			worst = off
		}
	}
	if norm == 0 && !moved {
		c.t.Errorf("gradient of %s: zero, and nothing changes with it: this checks nothing", c.name(i))
	}
	c.t.Logf("gradient of %s: off by %.1e of its norm %.3g", c.name(i), worst, norm)
	if !(worst <= gradientTolerance) {
		c.t.Errorf("gradient of %s: off by %.1e of its norm %.3g, want at most %.0e", c.name(i), worst, norm, gradientTolerance)
	}
}

// derivative returns the one along sign, where x is was, by differences of
// steps of h.
func (c *checker) derivative(x, was, sign []float32, h float64) float64 {
	at := func(steps float64) float64 {
		for k := range x {
			x[k] = was[k] + float32(steps*h)*sign[k]
		}
		_, _, v, _ := c.run(c.recorded)
		return v
	}
	return (8*(at(1)-at(-1)) - (at(2) - at(-2))) / (12 * h)
}

// length returns the Euclidean norm.
func length(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// A combination is Σ coefficient·element of a matrix.
type combination struct {
	x, y         *op.Value
	coefficients []float32
	sum          float64
}

func combine(t *op.Tape, x *op.Value) *combination {
	n := &combination{x: x, y: t.Value(1, 1)}
	r := rand.New(rand.NewPCG(11, uint64(len(x.Data))))
	for _, v := range x.Data {
		k := float32(r.NormFloat64())
		n.coefficients = append(n.coefficients, k)
		n.sum += float64(k) * float64(v)
	}
	n.y.Data[0] = float32(n.sum)
	t.Record(n, n.y)
	return n
}

// Op implements [op.Node].
func (*combination) Op() string { return "combination" }

// Backward implements [op.Node].
func (n *combination) Backward(t *op.Tape) {
	g := t.Grad(n.x)
	for i, k := range n.coefficients {
		g[i] += k * n.y.Grad[0]
	}
}
