package kernel

import "math"

// AdamWParams are the settings of one step, the same for all elements.
type AdamWParams struct {
	LR, Beta1, Beta2, Eps, Decay float64

	// Correction1 and Correction2 are 1 − Beta1^t and 1 − Beta2^t at step t,
	// counted from 1.
	Correction1, Correction2 float64

	// Scale multiplies the gradient first, as clipping by norm asks. 0 means 1.
	Scale float64
}

// adamWConstants are AdamWParams as f32, in the order in which the routines
// read them.
type adamWConstants struct {
	scale    float32 // of the gradient
	keep     float32 // 1 − LR·Decay
	new1     float32 // 1 − Beta1
	beta2    float32
	new2     float32 // 1 − Beta2
	root     float32 // sqrt(Correction2)
	eps      float32
	stepSize float32 // −LR/Correction1
}

// The routine in use; the dispatcher replaces it.
var adamW = adamWGeneric

// AdamW makes one step of Adam with decoupled weight decay, Loshchilov and
// Hutter 2019, arXiv:1711.05101, alg. 2, in the order of operations of
// torch.optim.AdamW:
//
//	g *= Scale
//	w -= w * LR*Decay
//	m += (g - m) * (1-Beta1)
//	v = v*Beta2 + g*g*(1-Beta2)
//	w -= LR/Correction1 * m / (sqrt(v)/sqrt(Correction2) + Eps)
//
// g is left as it is.
func AdamW(w, g, m, v []float32, p AdamWParams) {
	if len(g) != len(w) || len(m) != len(w) || len(v) != len(w) {
		panic("kernel: AdamW of slices that differ in length")
	}
	if p.Scale == 0 {
		p.Scale = 1
	}
	adamW(w, g, m, v, adamWConstants{
		scale:    float32(p.Scale),
		keep:     float32(1 - float64(p.LR*p.Decay)),
		new1:     float32(1 - p.Beta1),
		beta2:    float32(p.Beta2),
		new2:     float32(1 - p.Beta2),
		root:     float32(math.Sqrt(p.Correction2)),
		eps:      float32(p.Eps),
		stepSize: float32(-p.LR / p.Correction1),
	})
}

func adamWGeneric(w, g, m, v []float32, c adamWConstants) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i := range w {
		d := float32(g[i] * c.scale)
		m[i] += float32((d - m[i]) * c.new1)
		v[i] = float32(v[i]*c.beta2) + float32(c.new2*d*d)
		root := float32(math.Sqrt(float64(v[i])))
		w[i] = float32(w[i]*c.keep) + c.stepSize*m[i]/(root/c.root+c.eps)
	}
}
