package op

// A Stage is part of a model that takes and returns the states of a batch's
// tokens, [tokens, width] both, and keeps nothing between calls.
type Stage interface {
	Forward(t *Tape, x *Value, b Batch) *Value
}

// Recompute returns s.Forward(t, x, b). A recording tape does not keep what s
// computes, but runs it again when the backward pass comes to it: activation
// checkpointing, Chen et al. 2016, arXiv:1604.06174. Values and gradients have
// the same bits. Taps within s are shown once, and gradients of what they show
// are lost.
func Recompute(t *Tape, s Stage, x *Value, b Batch) *Value {
	if !t.recording {
		return s.Forward(t, x, b)
	}
	n := Alloc[recompute](t)
	*n = recompute{s, x, t.Value(x.Rows, x.Cols), b}
	copy(n.y.Data, x.Data)
	kv, m := t.KV, t.Mark()
	t.recording, t.KV = false, nil // s may now write to its input, and computes as if recorded
	if y := s.Forward(t, n.y, b); y != n.y {
		copy(n.y.Data, y.Data)
	}
	t.Release(m)
	t.recording, t.KV = true, kv
	t.Record(n, n.y)
	return n.y
}

type recompute struct {
	s    Stage
	x, y *Value
	b    Batch
}

func (*recompute) Op() string { return "recompute" }

func (n *recompute) Backward(t *Tape) {
	t.takeBack(n.y)
	listen := t.OnTap
	t.OnTap = nil
	first, m := len(t.entries), t.Mark()
	y := n.s.Forward(t, n.x, n.b)
	y.Grad, n.y.Grad = n.y.Grad, nil
	t.backTo(first)
	t.rewind(m)
	t.OnTap = listen
}
