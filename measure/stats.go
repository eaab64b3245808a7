package measure

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
)

// The bootstrap's usual settings. They are fixed so that equal data give equal
// reports.
const (
	Resamples = 10_000
	Level     = 0.95 // of every interval
	Seed      = 20_261_123
)

// A Bootstrap draws the resamples behind standard errors and intervals. The zero
// value draws [Resamples] times, from a fixed seed.
type Bootstrap struct {
	Resamples int
	Seed      uint64
}

func (boot Bootstrap) withDefaults() Bootstrap {
	if boot.Resamples == 0 {
		boot.Resamples = Resamples
	}
	if boot.Seed == 0 {
		boot.Seed = Seed
	}
	return boot
}

// An Estimate is a figure with its uncertainty over items, of which [Estimate.Known] is
// what may be claimed.
type Estimate struct {
	Value  float64
	SE     float64 // standard error
	Lo, Hi float64 // bounds of the interval at Level
	N      int     // items
}

// Known is what may be claimed of an [Estimate], and what JSON has of it; nil: unknown.
type Known struct {
	Value float64  `json:"value"`
	SE    *float64 `json:"se"`
	Lo    *float64 `json:"lo"` // nil if Hi is
	Hi    *float64 `json:"hi"`
	N     int      `json:"n"`
}

// Known leaves out an interval that is a point, and with it the standard error: items
// that are all alike, or one, leave the bootstrap nothing to vary, which does not make
// their figure certain. One item has no standard error beside an exact interval either.
func (e Estimate) Known() Known {
	k := Known{Value: e.Value, N: e.N}
	if e.Lo < e.Hi {
		k.Lo, k.Hi = &e.Lo, &e.Hi
		if e.N > 1 {
			k.SE = &e.SE
		}
	}
	return k
}

// MarshalJSON writes what is known.
func (e Estimate) MarshalJSON() ([]byte, error) { return json.Marshal(e.Known()) }

// Mean returns the mean of x with its standard error, s/√n with s² unbiased, and
// the normal interval. It is the estimate for long lists of measured numbers, such
// as losses; for scores see [Statistic.Estimate].
func Mean(x []float64) Estimate {
	e := Estimate{N: len(x)}
	if len(x) == 0 {
		return e
	}
	for _, v := range x {
		e.Value += v
	}
	e.Value /= float64(len(x))
	if len(x) > 1 {
		var squares float64
		for _, v := range x {
			squares += (v - e.Value) * (v - e.Value)
		}
		e.SE = math.Sqrt(squares / float64(len(x)-1) / float64(len(x)))
	}
	z := math.Sqrt2 * math.Erfinv(Level)
	e.Lo, e.Hi = e.Value-z*e.SE, e.Value+z*e.SE
	return e
}

// A Statistic is a figure that depends on items through sums alone: of one number
// an item for a mean, of three counts for F1. That makes it cheap to compute again
// for every resample.
type Statistic struct {
	Width int                                     // numbers an item
	Of    func(sums []float64, items int) float64 // sums has Width numbers

	// Ratio tells that the figure is one to what the last number counts, and says
	// nothing where there is none of it.
	Ratio bool
}

// Defined reports whether items, [n, Width], have a figure.
func (s Statistic) Defined(rows []float64) bool {
	return len(rows) > 0 && !(s.Ratio && columnSums(rows, s.Width)[s.Width-1] == 0)
}

// Average is the mean of one number an item: accuracy, if the number is 0 or 1.
var Average = Statistic{Width: 1, Of: func(s []float64, n int) float64 { return s[0] / float64(n) }}

// Share is the sum of the items' first numbers over the sum of their second ones,
// 0 in a resample where there is nothing to count.
var Share = Statistic{Width: 2, Ratio: true, Of: func(s []float64, _ int) float64 {
	if s[1] == 0 {
		return 0
	}
	return s[0] / s[1]
}}

// F1 is the harmonic mean of micro-averaged precision and recall over each item's
// true positives, false positives and false negatives: 2tp/(2tp+fp+fn). Nothing
// to find and nothing found is perfect.
var F1 = Statistic{Width: 3, Of: func(s []float64, _ int) float64 {
	if s[0]+s[1]+s[2] == 0 {
		return 1
	}
	return 2 * s[0] / (2*s[0] + s[1] + s[2])
}}

// Estimate is [Bootstrap.Estimate] with the usual settings.
func (s Statistic) Estimate(rows []float64) Estimate { return Bootstrap{}.Estimate(s, rows) }

// Estimate returns a statistic over items [n, Width] with the bootstrap's
// standard error and percentile interval (Efron and Tibshirani 1993, chapters 6
// and 13). It panics if rows is not a whole number of items.
func (boot Bootstrap) Estimate(s Statistic, rows []float64) Estimate {
	n := s.items(rows)
	e := Estimate{N: n}
	if n == 0 {
		return e
	}
	e.Value = s.Of(columnSums(rows, s.Width), n)
	draws := boot.draw(rows, s.Width, func(sums []float64) float64 { return s.Of(sums, n) })
	e.spread(draws[0])
	if s.Width == 1 && binary(rows) && (e.Value == 0 || e.Value == 1) {
		e.widen()
	}
	return e
}

// widen sets the bounds for scores of 0 and 1 that are all alike, where the bootstrap
// has nothing to vary: the interval of Clopper and Pearson 1934, "The use of confidence
// or fiducial limits", Biometrika 26. With none of n it ends at 1 − (α/2)^(1/n), α = 1 −
// Level.
func (e *Estimate) widen() {
	rest := math.Pow((1-Level)/2, 1/float64(e.N))
	if e.Value == 0 {
		e.Hi = 1 - rest
	} else {
		e.Lo = rest
	}
}

func (s Statistic) items(rows []float64) int {
	if len(rows)%s.Width != 0 {
		panic("measure: rows are not a whole number of items")
	}
	return len(rows) / s.Width
}

// spread sets the standard error and the bounds from a figure's resamples, which
// it sorts. If these are all one, so are the bounds, and the error is 0.
func (e *Estimate) spread(draws []float64) {
	slices.Sort(draws)
	if last := draws[len(draws)-1]; draws[0] == last { // a mean of them could round
		e.SE, e.Lo, e.Hi = 0, last, last
		return
	}
	e.Lo, e.Hi = quantile(draws, (1-Level)/2), quantile(draws, (1+Level)/2)
	mean := Mean(draws)
	e.SE = mean.SE * math.Sqrt(float64(len(draws)))
}

// draw draws items with replacement, boot.Resamples times, and returns for each
// figure its value on every resample. rows is [n, width], n > 0; a figure gets the
// columns' sums. Equal lengths give equal draws.
func (boot Bootstrap) draw(rows []float64, width int, figures ...func(sums []float64) float64) [][]float64 {
	boot = boot.withDefaults()
	n := uint32(len(rows) / width)
	rng := rand.New(rand.NewPCG(boot.Seed, uint64(n)))
	out := make([][]float64, len(figures))
	for i := range out {
		out[i] = make([]float64, boot.Resamples)
	}
	sums := make([]float64, width)
	for r := range boot.Resamples {
		clear(sums)
		for range n {
			at := int(rng.Uint32N(n)) * width
			for j, v := range rows[at : at+width] {
				sums[j] += v
			}
		}
		for i, f := range figures {
			out[i][r] = f(sums)
		}
	}
	return out
}

func columnSums(rows []float64, width int) []float64 {
	sums := make([]float64, width)
	for i, v := range rows {
		sums[i%width] += v
	}
	return sums
}

// quantile interpolates linearly between the two nearest of sorted's numbers, as
// NumPy does by default (Hyndman and Fan 1996, definition 7).
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	lo := int(at)
	if lo+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[lo] + (at-float64(lo))*(sorted[lo+1]-sorted[lo])
}
