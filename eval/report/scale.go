package report

import (
	"math"

	"limbeck/internal/typeset"
)

// drawable bounds the numbers that plots show; what lies beyond is left out
// rather than letting it overflow a scale.
const drawable = 1e15

// plotted returns a number if a plot can show it.
func plotted(n Num) (float64, bool) {
	v, ok := n.Get()
	return v, ok && math.Abs(v) <= drawable
}

// scale maps values to shares of an axis's length, linearly or by logarithm.
type scale struct {
	lo, hi float64
	log    bool
}

// newScale spans the values with a margin of the share pad on both sides. A
// logarithmic scale is used only if wanted and if all values are above 0.
func newScale(values []float64, log bool, pad float64) scale {
	s := scale{lo: math.Inf(1), hi: math.Inf(-1), log: log}
	for _, v := range values {
		s.lo, s.hi = min(s.lo, v), max(s.hi, v)
	}
	if len(values) == 0 {
		return scale{lo: 0, hi: 1}
	}
	const least = 1e-12 // below that, a decade more would say nothing
	s.log = log && s.lo > least
	if s.log {
		s.lo, s.hi = math.Log10(s.lo), math.Log10(s.hi)
	}
	// A span of almost nothing is widened around its middle.
	if width := max(math.Abs(s.lo), math.Abs(s.hi), 1e-9) * 1e-3; s.hi-s.lo < width {
		s.lo, s.hi = s.lo-width, s.hi+width
	}
	margin := (s.hi - s.lo) * pad
	s.lo, s.hi = s.lo-margin, s.hi+margin
	return s
}

// at is the share of the axis at which v lies: 0 at its start, 1 at its end.
func (s scale) at(v float64) float64 {
	if s.log {
		v = math.Log10(max(v, 1e-15))
	}
	return min(max((v-s.lo)/(s.hi-s.lo), 0), 1)
}

// ticks returns at most about n round values within the scale.
func (s scale) ticks(n int) []float64 {
	if s.log {
		if t := s.logTicks(n); len(t) >= 2 {
			return t
		}
		return scale{lo: math.Pow(10, s.lo), hi: math.Pow(10, s.hi)}.ticks(n)
	}
	step := niceStep((s.hi - s.lo) / float64(n))
	var out []float64
	first := math.Ceil(s.lo/step - 1e-9)
	for i := range 2*n + 2 { // a bound, whatever the floats do
		v := (first + float64(i)) * step
		if v > s.hi+step*1e-9 {
			break
		}
		out = append(out, v)
	}
	return out
}

// logTicks tries 1, 2 and 5 in every decade, then 1 and 3, then decades ever
// further apart, until at most n are left.
func (s scale) logTicks(n int) []float64 {
	for _, digits := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		if out := s.decades(digits, 1); len(out) <= n {
			return out
		}
	}
	for stride := 2; stride < 40; stride++ {
		if out := s.decades([]float64{1}, stride); len(out) <= n {
			return out
		}
	}
	return nil
}

// decades lists digit·10^k for every stride-th k within the scale.
func (s scale) decades(digits []float64, stride int) []float64 {
	var out []float64
	for k := int(math.Floor(s.lo)); k <= int(math.Ceil(s.hi)); k++ {
		if k%stride != 0 {
			continue
		}
		for _, d := range digits {
			if v := d * math.Pow10(k); math.Log10(v) >= s.lo-1e-9 && math.Log10(v) <= s.hi+1e-9 {
				out = append(out, v)
			}
		}
	}
	return out
}

// niceStep is the least of 1, 2, 5 times a power of ten that is not far below
// v: a few ticks too many are better than one or two in all.
func niceStep(v float64) float64 {
	if !(v > 0) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, d := range []float64{1, 2, 5} {
		if d*p >= v*0.8 {
			return d * p
		}
	}
	return 10 * p
}

// The decimals of a label, at most, and the least number that they show.
const (
	labelDecimals = 6
	leastLabel    = 1e-6
)

// tickLabels writes ticks with the fewest decimals that tell them apart.
func tickLabels(ticks []float64, factor float64) []string {
	out := make([]string, len(ticks))
	for i, v := range ticks {
		d := 0
		for ; d < labelDecimals; d++ {
			if shown := v * factor; math.Abs(shown-math.Round(shown*math.Pow10(d))/math.Pow10(d)) < 1e-9*max(1, math.Abs(shown)) {
				break
			}
		}
		out[i] = typeset.Fixed(v*factor, d)
	}
	return out
}
