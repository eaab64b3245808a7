package distill

import "math"

// reverseKL is Weight·T²·KL(q ‖ p) for each row, q = softmax(logits/T) being
// the student's distribution and p the teacher's: it seeks modes. Gu et al.
// 2023, arXiv:2306.08543, eq. 1. The gradient by logit i is
// Weight·T·q_i·(ln(q_i/p_i) − KL); a token in the target's tail has the tail's
// ratio.
type reverseKL struct {
	Targets     []target
	Temperature float64
	Weight      float64

	blocks blocks
}

// Loss implements [op.RowLoss].
func (l *reverseKL) Loss(row int, logits, grad []float32) float64 {
	p := &l.Targets[row]
	r := respond(logits, p, l.Temperature, l.blocks.of(row))
	kl, tailRatio := 0.0, 0.0
	if p.IDs != nil {
		tailRatio = math.Log(r.tailQ / max(r.tailP, leastTail))
		kl = r.tailQ * tailRatio
	}
	each := func(f func(id int, q, ratio float64)) {
		for i, logP := range p.LogP {
			id := i
			if p.IDs != nil {
				id = int(p.IDs[i])
			}
			logQ := r.logQ(id)
			f(id, math.Exp(logQ), logQ-float64(logP))
		}
	}
	each(func(_ int, q, ratio float64) {
		if q > 0 {
			kl += q * ratio
		}
	})
	if grad != nil {
		scale := l.Weight * l.Temperature
		if p.IDs != nil {
			r.tail(func(lo, hi int) { r.addSoftmax(grad, lo, hi, scale*(tailRatio-kl)) })
		}
		each(func(id int, q, ratio float64) {
			if q > 0 {
				grad[id] += float32(scale * q * (ratio - kl))
			}
		})
	}
	return l.Weight * l.Temperature * l.Temperature * kl
}
