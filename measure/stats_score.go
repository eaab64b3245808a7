package measure

import "math"

// scoreBounds returns the score interval at [Level] of the difference P(B right) −
// P(A right) of two models' scores of 0 and 1 on the same n items, of which only A
// got onlyA right and only B onlyB: the differences that a test by the constrained
// likelihood does not refuse (Tango 1998, "Equivalence test and confidence interval
// for the difference in proportions for the paired-sample design", Statistics in
// Medicine 17). Unlike the bootstrap's it is no point where no item was seen.
func scoreBounds(onlyA, onlyB, n int) (lo, hi float64) {
	z := math.Sqrt2 * math.Erfinv(Level)
	a, b, all := float64(onlyA), float64(onlyB), float64(n)
	mean := (b - a) / all
	// score is the distance of the difference seen from d, in standard errors if d
	// is the true one.
	score := func(d float64) float64 {
		// p, the likeliest share of items that only A gets right, solves
		// 2n·p² − (a + b + (b − a − 2n)d)·p − a·d(1 − d) = 0.
		half := (a + b + (b-a-2*all)*d) / (4 * all)
		p := half + math.Sqrt(max(0, half*half+a*d*(1-d)/(2*all)))
		variance := (2*p + d*(1-d)) / all
		if variance <= 0 {
			return math.Copysign(math.Inf(1), mean-d)
		}
		return (mean - d) / math.Sqrt(variance)
	}
	bound := func(inside, outside, limit float64) float64 {
		for range 60 {
			if mid := (inside + outside) / 2; math.Abs(score(mid)) < limit {
				inside = mid
			} else {
				outside = mid
			}
		}
		return outside
	}
	return bound(mean, -1, z), bound(mean, 1, z)
}
