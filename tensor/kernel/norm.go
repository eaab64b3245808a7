package kernel

import "math"

// The routines in use; the dispatcher replaces them.
var (
	mulScaled = mulScaledGeneric
	dot3      = dot3Generic
	normGrad  = normGradGeneric
	addMul    = addMulGeneric
)

// RMSNorm is
//
//	r = 1 / sqrt(mean(x²) + eps);  y[i] = x[i] * r * w[i]
//
// Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4. y may be x.
func RMSNorm(y, x, w []float32, eps float32) {
	if len(y) != len(x) || len(w) != len(x) {
		panic("kernel: RMSNorm of slices that differ in length")
	}
	mulScaled(y, x, w, inverseRMS(x, eps))
}

// RMSNormGrad adds the gradients of [RMSNorm], given dy:
//
//	m = mean(dy·w·x) · r²
//	dx[i] += r * (dy[i]*w[i] - x[i]*m)
//	dw[i] += dy[i] * x[i] * r
//
// dw may be nil.
func RMSNormGrad(dx, dw, dy, x, w []float32, eps float32) {
	n := len(x)
	if len(dx) != n || len(dy) != n || len(w) != n || dw != nil && len(dw) != n {
		panic("kernel: RMSNormGrad of slices that differ in length")
	}
	if n == 0 {
		return
	}
	r := inverseRMS(x, eps)
	m := dot3(dy, w, x) / float32(n) * r * r
	normGrad(dx, dy, x, w, r, m)
	if dw != nil {
		addMul(dw, dy, x, r)
	}
}

// inverseRMS returns 1 / sqrt(mean(x²) + eps).
func inverseRMS(x []float32, eps float32) float32 {
	mean := SumSquares(x) / float32(len(x))
	return float32(1 / math.Sqrt(float64(mean+eps)))
}

// mulScaledGeneric is y[i] = x[i] * r * w[i].
func mulScaledGeneric(y, x, w []float32, r float32) {
	y, w = y[:len(x)], w[:len(x)]
	for i, v := range x {
		y[i] = v * r * w[i]
	}
}

// dot3Generic is Σ x[i]·y[i]·z[i].
func dot3Generic(x, y, z []float32) float32 {
	y, z = y[:len(x)], z[:len(x)]
	var s float32
	for i, v := range x {
		s += float32(v * y[i] * z[i])
	}
	return s
}

// normGradGeneric is dx[i] += r * (dy[i]*w[i] - x[i]*m).
func normGradGeneric(dx, dy, x, w []float32, r, m float32) {
	dx, dy, w = dx[:len(x)], dy[:len(x)], w[:len(x)]
	for i, v := range x {
		dx[i] += float32(r * (float32(dy[i]*w[i]) - float32(v*m)))
	}
}

// addMulGeneric is z[i] += x[i] * y[i] * a.
func addMulGeneric(z, x, y []float32, a float32) {
	y, z = y[:len(x)], z[:len(x)]
	for i, v := range x {
		z[i] += float32(v * y[i] * a)
	}
}
