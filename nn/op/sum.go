package op

// Sum returns Σ weights[i]·terms[i] of losses of one element each. There are as many
// weights as terms.
func Sum(t *Tape, terms []*Value, weights []float32) *Value {
	n := Alloc[sum](t)
	*n = sum{terms, weights, t.Value(1, 1)}
	n.y.Data[0] = 0
	for i, x := range terms {
		n.y.Data[0] += weights[i] * x.Data[0]
	}
	t.Record(n, n.y)
	return n.y
}

type sum struct {
	terms   []*Value
	weights []float32
	y       *Value
}

func (*sum) Op() string { return "weighted sum" }

func (n *sum) Backward(t *Tape) {
	for i, x := range n.terms {
		t.Grad(x)[0] += n.weights[i] * n.y.Grad[0]
	}
}
