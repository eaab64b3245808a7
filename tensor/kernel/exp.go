package kernel

import "math"

// The routines in use; the dispatcher replaces them.
var (
	exp        = expGeneric
	expToMax   = expToMaxGeneric
	expMaxRows = expMaxRowsGeneric
	expSum     = expSumGeneric
	sumExp     = sumExpGeneric
	addSoftmax = addSoftmaxGeneric

	softmaxGrad = softmaxGradGeneric
)

// e**x = 2**n · e**r with n = round(x/ln 2) and |r| ≤ ln 2 / 2. ln 2 is cut in
// two so that n times the first part is exact (Cody and Waite 1980, ch. 6);
// the polynomial for e**r is Cephes' expf.
const (
	expLog2e = 1.44269504088896341
	expLn2Hi = 0.693359375
	expLn2Lo = -2.12194440e-4
	expP0    = 1.9875691500e-4
	expP1    = 1.3981999507e-3
	expP2    = 8.3334519073e-3
	expP3    = 4.1665795894e-2
	expP4    = 1.6666665459e-1
	expP5    = 5.0000001201e-1

	// Beyond these the result is +Inf or rounds to 0. The polynomial then
	// still lands there by itself.
	expMax = 89.0
	expMin = -104.0

	// roundShift rounds a small float to an integer when it is added and
	// taken away again.
	roundShift = 3 << 22
)

// exp32 is the scalar twin of the vectorized exponential: the same operations
// in the same order, except that products are rounded before they are added.
func exp32(x float32) float32 {
	if x != x {
		return x
	}
	x = min(max(x, expMin), expMax)
	n := float32(float32(x*expLog2e)+roundShift) - roundShift
	r := x - float32(n*expLn2Hi)
	r -= float32(n * float32(expLn2Lo))
	p := float32(expP0)
	p = float32(p*r) + expP1
	p = float32(p*r) + expP2
	p = float32(p*r) + expP3
	p = float32(p*r) + expP4
	p = float32(p*r) + expP5
	p = float32(p*float32(r*r)) + r + 1
	// 2**n in two factors, both normal even where the product is not.
	k := int32(n)
	a := k >> 1
	return float32(p * math.Float32frombits(uint32(a+127)<<23) * math.Float32frombits(uint32(k-a+127)<<23))
}

// Exp is
//
//	for i, v := range x { y[i] = exp(v) }
//
// within 2 units in the last place. y may be x.
func Exp(y, x []float32) {
	if len(x) != len(y) {
		panic("kernel: Exp of slices that differ in length")
	}
	exp(y, x)
}

func expGeneric(y, x []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = exp32(v)
	}
}

// SoftmaxGrad turns dp, the gradient of a softmax p, into that of scores which the
// softmax takes times scale; sum is Σ dp[i]·p[i]:
//
//	dp[i] = scale * p[i] * (dp[i] - sum)
func SoftmaxGrad(dp, p []float32, sum, scale float32) {
	if len(dp) != len(p) {
		panic("kernel: SoftmaxGrad of slices that differ in length")
	}
	softmaxGrad(dp, p, sum, scale)
}

func softmaxGradGeneric(dp, p []float32, sum, scale float32) {
	p = p[:len(dp)]
	for i, d := range dp {
		dp[i] = scale * p[i] * (d - sum)
	}
}

// ExpMinus is
//
//	for i, v := range x { x[i] = exp(v - shift) }
func ExpMinus(x []float32, shift float32) { expSum(x, shift) }

// expToMaxGeneric is [ExpMaxRows] of one row, which sees all of itself.
func expToMaxGeneric(x []float32) (m, s float32) {
	m = Max(x)
	if math.IsInf(float64(m), -1) {
		if s = Sum(x); s == s { // Max passes over NaN
			s = 0
		}
		clear(x)
		return m, s
	}
	return m, expSum(x, m)
}

// ExpMaxRows replaces what each row of x, which is contiguous and of at most 1,024
// elements, sees of itself by exponentials, relative to its largest element, which goes to
// m, their sum to s:
//
//	v = x[i, :seen+i/group];  m[i] = max(v);  v[j] = exp(v[j] - m[i]);  s[i] = Σ v[j]
//
// What lies beyond becomes 0. Where a row sees nothing, or every element is −Inf, m is −Inf
// and s is 0, and the row becomes 0. Where one is NaN, s is.
func ExpMaxRows(x Mat, seen, group int, m, s []float32) {
	x.check("ExpMaxRows")
	switch {
	case x.ColStride != 1 || group < 1 || len(m) < x.Rows || len(s) < x.Rows:
		panic("kernel: ExpMaxRows: rows, groups or results do not fit")
	case x.Cols > sumBlock:
		panic("kernel: ExpMaxRows of more than 1,024 elements")
	case x.Rows > 0:
		expMaxRows(x, seen, group, m, s)
	}
}

func expMaxRowsGeneric(x Mat, seen, group int, m, s []float32) {
	for i := range x.Rows {
		expMaxRow(x, i, seen+i/group, m, s)
	}
}

// expMaxRow is ExpMaxRows of row i, which sees so many elements.
func expMaxRow(x Mat, i, seen int, m, s []float32) {
	row := x.Data[i*x.RowStride:][:x.Cols]
	seen = min(max(seen, 0), x.Cols)
	m[i], s[i] = expToMax(row[:seen])
	clear(row[seen:])
}

// expSumGeneric replaces x by exp(x - shift) and returns the sum.
func expSumGeneric(x []float32, shift float32) float32 {
	var s float32
	for i, v := range x {
		e := exp32(v - shift)
		x[i] = e
		s += e
	}
	return s
}

// LogSumExp returns log Σ exp(x[i]), and −Inf of nothing.
func LogSumExp(x []float32) float32 {
	m := Max(x)
	if math.IsInf(float64(m), -1) {
		return m + Sum(x) // NaN if one is: Max passes over them
	}
	return m + float32(math.Log(SumExp(x, m)))
}

// SumExp is
//
//	for _, v := range x { sum += exp(v - shift) }
//
// where no element exceeds shift.
func SumExp(x []float32, shift float32) (sum float64) {
	for ; len(x) > sumBlock; x = x[sumBlock:] {
		sum += float64(sumExp(x[:sumBlock], shift))
	}
	return sum + float64(sumExp(x, shift))
}

// sumExpGeneric returns Σ exp(x - shift).
func sumExpGeneric(x []float32, shift float32) float32 {
	var s float32
	for _, v := range x {
		s += exp32(v - shift)
	}
	return s
}

// AddSoftmax adds a·softmax(x) to y, where lse is [LogSumExp] of x, or of a row that x is
// a part of, so that no element exceeds it:
//
//	for i, v := range x { y[i] += a * exp(v - lse) }
func AddSoftmax(y, x []float32, lse, a float32) {
	if len(x) != len(y) {
		panic("kernel: AddSoftmax of slices that differ in length")
	}
	addSoftmax(y, x, lse, a)
}

func addSoftmaxGeneric(y, x []float32, lse, a float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += float32(a * exp32(v-lse))
	}
}
