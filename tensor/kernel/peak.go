package kernel

import "bytes"

// A Peak is a loop of arithmetic that touches no memory. On one core, no
// product of its kind in the tier in use is faster: what a kernel reaches is
// told as a share of it.
type Peak struct {
	Kind string // of the factors: "f32", "int8" or "bf16"
	By   string // what the loop consists of

	perTurn int // operations: a multiplication and an addition are two
	loop    func(n int)
}

// peaks are those of the tier in use; the dispatcher replaces them.
var peaks = genericPeaks

// Peaks returns the loops of the tier in use: f32, int8 and, where the
// processor multiplies it, bf16.
func Peaks() []Peak { return peaks }

// Run does n > 0 turns and returns how many multiplications and additions
// they are.
func (p Peak) Run(n int) float64 {
	p.loop(n)
	return float64(p.perTurn) * float64(n)
}

var genericPeaks = []Peak{
	{Kind: "f32", By: "Go's own loops", perTurn: 2 * 8, loop: func(n int) { multiplyAdd[float32](n, 0.5) }},
	{Kind: "int8", By: "Go's own loops", perTurn: 2 * 8, loop: func(n int) { multiplyAdd[int32](n, 3) }},
}

// multiplyAdd does n turns of 8 multiplications and additions that do not wait
// for each other. Were it inlined, the compiler would leave it out where nobody
// reads the result.
//
//go:noinline
func multiplyAdd[T float32 | int32](n int, x T) T {
	var a, b, c, d, e, f, g, h T
	for range n {
		a, b, c, d = a+T(x*a), b+T(x*b), c+T(x*c), d+T(x*d)
		e, f, g, h = e+T(x*e), f+T(x*f), g+T(x*g), h+T(x*h)
	}
	return a + b + c + d + e + f + g + h
}

// ReadMemory reads zeros, from first to last, faster than it could do anything
// with them. It reports whether they are all zeros or less.
func ReadMemory(p []float32) bool { return readMemory(p) }

// readMemory is what reads fastest in the tier in use.
var readMemory = readMemoryGeneric

// readMemoryGeneric leaves it to the standard library, which has assembly on
// more processors than this package.
func readMemoryGeneric(p []float32) bool { return bytes.IndexByte(FloatBytes(p), 1) < 0 }
