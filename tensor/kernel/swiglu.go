package kernel

// The routines in use; the dispatcher replaces them.
var (
	swiGLU     = swiGLUGeneric
	swiGLUGrad = swiGLUGradGeneric
)

// SwiGLU is
//
//	y[i] = gate[i] * σ(gate[i]) * up[i],  σ(x) = 1 / (1 + exp(-x))
//
// Shazeer 2020, arXiv:2002.05202, eq. 5. y may be gate or up.
func SwiGLU(y, gate, up []float32) {
	if len(gate) != len(y) || len(up) != len(y) {
		panic("kernel: SwiGLU of slices that differ in length")
	}
	swiGLU(y, gate, up)
}

func swiGLUGeneric(y, gate, up []float32) {
	gate, up = gate[:len(y)], up[:len(y)]
	for i, g := range gate {
		y[i] = g / (1 + exp32(-g)) * up[i]
	}
}

// SwiGLUGrad adds the gradients of [SwiGLU], given dy:
//
//	s = σ(gate[i])
//	dup[i] += dy[i] * gate[i] * s
//	dgate[i] += dy[i] * up[i] * s * (1 + gate[i]*(1-s))
func SwiGLUGrad(dgate, dup, dy, gate, up []float32) {
	n := len(dy)
	if len(dgate) != n || len(dup) != n || len(gate) != n || len(up) != n {
		panic("kernel: SwiGLUGrad of slices that differ in length")
	}
	swiGLUGrad(dgate, dup, dy, gate, up)
}

func swiGLUGradGeneric(dgate, dup, dy, gate, up []float32) {
	n := len(dy)
	dgate, dup, gate, up = dgate[:n], dup[:n], gate[:n], up[:n]
	for i, d := range dy {
		g := gate[i]
		s := 1 / (1 + exp32(-g))
		dup[i] += float32(d * g * s)
		dgate[i] += float32(d * up[i] * s * (1 + float32(g*(1-s))))
	}
}
