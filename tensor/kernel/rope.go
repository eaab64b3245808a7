package kernel

// The routines in use; the dispatcher replaces them. sign is 1 to rotate forward and −1
// to rotate back.
var (
	rope       = ropeGeneric
	ropeScaled = ropeScaledGeneric
)

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

// RoPEScaled writes heads of x, each rotated as [RoPE] does, and then times scale, to dst,
// which may be x. len(x) = len(dst) is a multiple of 2·len(cos) = 2·len(sin).
func RoPEScaled(dst, x, cos, sin []float32, scale float32) {
	if len(x) == 0 {
		return
	}
	if len(sin) != len(cos) || len(cos) == 0 || len(x)%(2*len(cos)) != 0 || len(dst) != len(x) {
		panic("kernel: RoPEScaled wants whole heads of 2·len(cos) = 2·len(sin)")
	}
	ropeScaled(dst, x, cos, sin, scale)
}

func ropeScaledGeneric(dst, x, cos, sin []float32, scale float32) {
	for head := 2 * len(cos); len(x) > 0; dst, x = dst[head:], x[head:] {
		y := dst[:head]
		copy(y, x)
		rope(y, cos, sin, 1)
		Scale(y, scale, y)
	}
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
