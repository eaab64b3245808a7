package op

import (
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit/allocs"
	"limbeck/tensor/dtype"
)

// A tape knows which product comes next once a pass has been there, and where each
// worker then begins to read.
func TestForesee(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(1, 2))
	up, gate, down := weightOf(r, dtype.Q4_0, 64, 32), weightOf(r, dtype.Q4_0, 64, 32), weightOf(r, dtype.Q4_0, 96, 32)
	PackAll([]*Weight{up, gate, down}, pool, nil)
	tape := NewTape(pool)
	begins := func(data ...[]byte) (at []*byte) {
		for _, d := range data {
			at = append(at, &d[0])
		}
		return at
	}
	products := []struct {
		ws     []*Weight
		begins []*byte
	}{
		{[]*Weight{up, gate}, begins(up.packed, gate.packed)},
		{[]*Weight{down}, begins(down.packed, down.packed[len(down.packed)/2:])},
		{[]*Weight{gate}, begins(gate.packed, gate.packed[len(gate.packed)/2:])},
	}
	pass := func(order ...int) {
		t.Helper()
		for i, k := range order {
			n := multiply(tape, 1, products[k].ws...)
			next := products[order[(i+1)%len(order)]]
			var got []*byte
			for worker := range 2 {
				if data := n.Ahead(worker).Data; len(data) > 0 {
					got = append(got, &data[0])
				}
			}
			if tape.products == nil || len(tape.products) < len(order) {
				continue // it is being learned
			}
			if !slices.Equal(got, next.begins) {
				t.Errorf("pass %v: after product %d the workers read %v, want %v", order, k, got, next.begins)
			}
		}
		tape.Reset()
	}
	pass(0, 1, 2)
	pass(0, 1, 2)
	if n := len(tape.products); n != 3 {
		t.Fatalf("%d products foreseen of a pass of 3", n)
	}
	pass(1, 2) // another model's
	if n := len(tape.products); n != 2 {
		t.Fatalf("%d products foreseen of a pass of 2", n)
	}
	pass(1, 2)
	if multiply(tape, foreseenRows+1, up).Ahead(0).Data != nil {
		t.Error("a product of many rows asks ahead")
	}
	multiply(tape, 1, up) // the head, of the last row
	tape.Reset()
	if n := len(tape.products); n != 2 || tape.products[0].w != down {
		t.Errorf("%d products foreseen after a pass of many rows, want those of before", n)
	}
	inTurn := func() {
		multiply(tape, 1, up, gate)
		multiply(tape, 1, down)
		tape.Reset()
		multiply(tape, 1, down)
		multiply(tape, 1, gate)
		tape.Reset()
	}
	if n := allocs.Of(10, inTurn); n != 0 {
		t.Errorf("passes in turn allocate %v times", n)
	}
}

// multiply computes the products of rows of zeros by some weights.
func multiply(tape *Tape, rows int, ws ...*Weight) *matMuls {
	n := newMatMuls(tape)
	x := tape.Value(rows, ws[0].Cols)
	clear(x.Data)
	for _, w := range ws {
		n.parts = append(n.parts, newMatMul(tape, x, w))
	}
	n.forward()
	return n
}

// What was multiplied before it was packed is foreseen once it is.
func TestForeseeWhatIsPackedLater(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	r := rand.New(rand.NewPCG(1, 2))
	up, down := weightOf(r, dtype.Q4_0, 64, 32), weightOf(r, dtype.Q4_0, 96, 32)
	weights := []*Weight{up, down}
	PackLater(weights)
	tape := NewTape(pool)
	pass := func() (ahead []byte) {
		ahead = multiply(tape, 1, up).Ahead(0).Data
		multiply(tape, 1, down)
		tape.Reset()
		return ahead
	}
	if pass(); pass() != nil {
		t.Error("weights that are not packed are asked for")
	}
	PackAll(weights, pool, nil)
	pass()
	if ahead := pass(); len(ahead) == 0 || &ahead[0] != &down.packed[0] {
		t.Errorf("after packing, %d bytes are asked for, want where the next weight begins", len(ahead))
	}
}

// A pass without end is not remembered without end.
func TestForeseeIsBounded(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	w := weightOf(rand.New(rand.NewPCG(1, 2)), dtype.Q4_0, 16, 32)
	PackAll([]*Weight{w}, pool, nil)
	tape := NewTape(pool)
	x := tape.Value(1, 32)
	clear(x.Data)
	for range foreseenMost + 10 {
		MatMul(tape, x, w)
	}
	if n := len(tape.products); n != foreseenMost {
		t.Errorf("%d products remembered, want %d", n, foreseenMost)
	}
}
