package kernel

import "math"

// The routines in use; the dispatcher replaces them.
var (
	dot     = dotGeneric
	axpy    = axpyGeneric
	blend   = blendGeneric
	scale   = scaleGeneric
	add     = addGeneric
	sum     = sumGeneric
	sumSq   = sumSqGeneric
	maximum = maximumGeneric
)

// sumBlock is the length of the blocks that Sum and SumSquares add in f32;
// the blocks' sums are added in f64, so that long vectors lose nothing.
const sumBlock = 1024

// Dot is
//
//	for i, v := range x { s += v * y[i] }
//
// in an order that depends on len(x) alone.
func Dot(x, y []float32) float32 {
	if len(x) != len(y) {
		panic("kernel: Dot of slices that differ in length")
	}
	return dot(x, y)
}

func dotGeneric(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += float32(x[i] * y[i])
		s1 += float32(x[i+1] * y[i+1])
		s2 += float32(x[i+2] * y[i+2])
		s3 += float32(x[i+3] * y[i+3])
	}
	for ; i < len(x); i++ {
		s0 += float32(x[i] * y[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// Axpy is
//
//	for i, v := range x { y[i] += a * v }
func Axpy(a float32, x, y []float32) {
	if len(x) != len(y) {
		panic("kernel: Axpy of slices that differ in length")
	}
	axpy(a, x, y)
}

func axpyGeneric(a float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += float32(a * v)
	}
}

// Blend is
//
//	for i, v := range x { y[i] = a*y[i] + b*v }
func Blend(y []float32, a float32, x []float32, b float32) {
	if len(x) != len(y) {
		panic("kernel: Blend of slices that differ in length")
	}
	blend(y, x, a, b)
}

func blendGeneric(y, x []float32, a, b float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = float32(a*y[i]) + float32(b*v)
	}
}

// Scale is
//
//	for i, v := range x { y[i] = a*v }
//
// y may be x.
func Scale(y []float32, a float32, x []float32) {
	if len(x) != len(y) {
		panic("kernel: Scale of slices that differ in length")
	}
	scale(y, x, a)
}

func scaleGeneric(y, x []float32, a float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = a * v
	}
}

// Add is
//
//	for i, v := range x { y[i] += v }
func Add(y, x []float32) {
	if len(x) != len(y) {
		panic("kernel: Add of slices that differ in length")
	}
	add(y, x)
}

func addGeneric(y, x []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += v
	}
}

// Sum is
//
//	for _, v := range x { s += v }
//
// in an order that depends on len(x) alone, rounded once more than f64 would.
func Sum(x []float32) float32 {
	s := 0.0
	for ; len(x) > sumBlock; x = x[sumBlock:] {
		s += float64(sum(x[:sumBlock]))
	}
	return float32(s + float64(sum(x)))
}

func sumGeneric(x []float32) float32 {
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i]
		s1 += x[i+1]
		s2 += x[i+2]
		s3 += x[i+3]
	}
	for ; i < len(x); i++ {
		s0 += x[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// SumSquares is
//
//	for _, v := range x { s += v * v }
//
// in an order that depends on len(x) alone.
func SumSquares(x []float32) float32 {
	s := 0.0
	for ; len(x) > sumBlock; x = x[sumBlock:] {
		s += float64(sumSq(x[:sumBlock]))
	}
	return float32(s + float64(sumSq(x)))
}

func sumSqGeneric(x []float32) float32 { return dotGeneric(x, x) }

// Max is
//
//	for _, v := range x { m = max(m, v) }
//
// starting from −Inf. The result is unspecified if x holds a NaN.
func Max(x []float32) float32 { return maximum(x) }

func maximumGeneric(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}
