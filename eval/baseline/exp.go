package baseline

import "math"

// expBits is the logarithm of the number of parts that an octave is cut into.
const expBits = 8

// expParts holds the bits of 2^(i/256) less i<<44, as exps adds the whole of k<<44, whose
// low 8 bits are i. Square roots and products are rounded alike everywhere, which
// math.Exp2 is not.
var expParts = func() (parts [1 << expBits]uint64) {
	var power [len(parts)]float64
	power[0] = 1
	root := 2.0
	for step := len(parts) / 2; step > 0; step /= 2 {
		root = math.Sqrt(root)
		for i := step; i < len(parts); i += 2 * step {
			power[i] = power[i-step] * root
		}
	}
	for i, p := range power {
		parts[i] = math.Float64bits(p) - uint64(i)<<(52-expBits)
	}
	return parts
}()

// Beyond ±expMost exps takes ±expMost: e⁻⁷⁰⁰ adds nothing, and its inverse is finite.
const expMost = 700

// ln 2 over 256, in two: the first has so few bits that its multiples are exact. The
// parts of ln 2 are those of fdlibm's e_exp.c.
const (
	expHigh = 6.93147180369123816490e-01 / (1 << expBits)
	expLow  = 1.90821492927058770002e-10 / (1 << expBits)
)

// exps sets each x to exp(x − shift), with a relative error below 2e-15. It is faster
// than math.Exp (BenchmarkExps), and has the same bits on every machine: math.Exp is
// assembly on some, and products are fused with sums on some unless float64 rounds them.
//
// With k the nearest integer to 256·x/ln 2, x is k·ln 2/256 + r, |r| < 0.0014. exp r is
// its Taylor series, up to r⁴: Tang 1989, "Table-Driven Implementation of the
// Exponential Function in IEEE Floating-Point Arithmetic".
func exps(x []float64, shift float64) {
	const nearest = 3 << 51 // added to a float64, it leaves the nearest integer in the low bits
	for i, v := range x {
		v -= shift
		if v < -expMost {
			v = -expMost
		} else if v > expMost {
			v = expMost
		}
		k := float64(v*(1/(expHigh+expLow))) + nearest
		bits := math.Float64bits(k)
		k -= nearest
		r := v - float64(k*expHigh) - float64(k*expLow)
		tail := 1./6 + float64(r*(1./24))
		tail = 1./2 + float64(r*tail)
		r += float64(r * r * tail)
		power := math.Float64frombits(expParts[bits%(1<<expBits)] + bits<<(52-expBits))
		x[i] = power + float64(power*r)
	}
}
