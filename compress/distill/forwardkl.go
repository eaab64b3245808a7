package distill

import "math"

// forwardKL is the loss of soft labels, Weight·T²·KL(p ‖ q) for each row: p is
// the teacher's distribution, q = softmax(logits/T) the student's. T² keeps
// the gradient's size when T changes. Hinton et al. 2015, arXiv:1503.02531,
// sect. 2. With Weight = 1/rows it is the mean over rows. The gradient by the
// logits is Weight·T·(q − p); within the target's tail, whose inner shape is
// unknown, Weight·T·q·(1 − tail p/tail q).
type forwardKL struct {
	Targets     []target
	Temperature float64
	Weight      float64

	blocks blocks
}

// Loss implements [op.RowLoss].
func (l *forwardKL) Loss(row int, logits, grad []float32) float64 {
	p := &l.Targets[row]
	r := respond(logits, p, l.Temperature, l.blocks.of(row))
	scale := l.Weight * l.Temperature
	if grad != nil {
		factor := scale * (1 - r.tailP/r.tailQ)
		r.tail(func(lo, hi int) { r.addSoftmax(grad, lo, hi, factor) })
	}
	kl := 0.0
	if r.tailP > leastTail {
		kl = r.tailP * math.Log(r.tailP/r.tailQ)
	}
	for i, logP := range p.LogP {
		id := i
		if p.IDs != nil {
			id = int(p.IDs[i])
		}
		pi, logQ := math.Exp(float64(logP)), r.logQ(id)
		if pi > 0 {
			kl += pi * (float64(logP) - logQ)
		}
		if grad != nil {
			g := -pi
			if p.IDs != nil {
				g += math.Exp(logQ)
			}
			grad[id] += float32(scale * g)
		}
	}
	return l.Weight * l.Temperature * l.Temperature * kl
}
