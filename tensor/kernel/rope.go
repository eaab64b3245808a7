package kernel

// rope is the routine in use; the dispatcher replaces it. sign is 1 to rotate
// forward and −1 to rotate back.
var rope = ropeGeneric

// RoPE rotates neighboring pairs of one head in place:
//
//	a, b = x[2i], x[2i+1]
//	x[2i] = a*cos[i] - b*sin[i];  x[2i+1] = b*cos[i] + a*sin[i]
//
// Su et al. 2021, arXiv:2104.09864, eq. 34. len(x) = 2·len(cos) = 2·len(sin).
func RoPE(x, cos, sin []float32) {
	checkRoPE(x, cos, sin)
	rope(x, cos, sin, 1)
}

// RoPEGrad turns the gradient of RoPE's result into that of its argument, in
// place: it rotates back. It assigns; it does not add.
func RoPEGrad(dx, cos, sin []float32) {
	checkRoPE(dx, cos, sin)
	rope(dx, cos, sin, -1)
}

func checkRoPE(x, cos, sin []float32) {
	if len(x) != 2*len(cos) || len(sin) != len(cos) {
		panic("kernel: RoPE wants len(x) = 2·len(cos) = 2·len(sin)")
	}
}

func ropeGeneric(x, cos, sin []float32, sign float32) {
	sin = sin[:len(cos)]
	for i, c := range cos {
		s := sign * sin[i]
		a, b := x[2*i], x[2*i+1]
		x[2*i], x[2*i+1] = float32(a*c)-float32(b*s), float32(b*c)+float32(a*s)
	}
}
