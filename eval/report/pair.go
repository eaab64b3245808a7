package report

import (
	"fmt"
	"math"

	"limbeck/internal/typeset"
)

// alpha is the level below which a p-value counts as significant.
const alpha = 0.05

// Pair is a paired difference between two models by one metric: B minus A on
// the same items. The comparison puts the larger or older model first, so that
// a loss is negative where more is better.
type Pair struct {
	A       string `json:"a"`
	B       string `json:"b"`
	Metric  string `json:"metric"`
	N       int    `json:"n"`
	Diff    Num    `json:"diff"`
	Lo      Num    `json:"lo"`
	Hi      Num    `json:"hi"`
	P       Num    `json:"p"`      // McNemar's exact test, two-sided; absent if not 0/1
	PHolm   Num    `json:"p_holm"` // the same after Holm's correction
	Ratio   Num    `json:"ratio"`  // B / A
	RatioLo Num    `json:"ratio_lo"`
	RatioHi Num    `json:"ratio_hi"`
	Verdict string `json:"verdict"`
}

// Conclude puts a pair's numbers into words, claiming no more than they allow:
// a bound is rounded away from the claim, and a difference whose interval
// holds 0 is called not significant, with the loss that is still excluded.
func Conclude(p Pair, m MetricInfo) string {
	lo, hi, ok := p.bounds()
	if !ok {
		return "no interval: nothing is claimed"
	}
	diff := p.Diff.Or((lo + hi) / 2)
	if m.LowerIsBetter {
		lo, hi, diff = -hi, -lo, -diff
	}
	// From here on, negative is a loss.
	switch p.class(m) {
	case classBetter:
		return "better by " + m.amount(diff)
	case classWorse:
		words := "worse by " + m.amount(-diff)
		if keeps := p.keeps(m); keeps != "" {
			words += "; " + keeps
		}
		return words
	}
	switch {
	case lo <= 0 && hi >= 0:
		return "not significant" + m.excluded(-lo)
	case lo > 0:
		return "not significant by the exact test (Holm), though the interval excludes a loss"
	}
	return "not significant by the exact test (Holm)" + m.excluded(-lo)
}

// excluded says that a loss above a bound is excluded, "" of one as large as the whole
// scale: there is none above it.
func (m MetricInfo) excluded(loss float64) string {
	if loss = m.roundUp(loss); m.Unit == Percent && loss >= 1 {
		return ""
	}
	return "; a loss above " + m.amount(loss) + " is excluded"
}

// keeps says which share of A's score B keeps, by the lower bound of the ratio;
// "" if that is unknown, or means nothing because less is better.
func (p *Pair) keeps(m MetricInfo) string {
	lo, ok := p.RatioLo.Get()
	if !ok || m.LowerIsBetter || lo <= 0 || lo > 100 {
		return ""
	}
	return fmt.Sprintf("keeps ≥ %s %% (lower bound %s %%)", typeset.Fixed(roundDown(lo, 1e-2)*100, 0), typeset.Fixed(roundDown(lo, 1e-3)*100, 1))
}

// ratioRange writes the interval of the ratio in percent, its bounds rounded
// outward: the page and the text then say the same of the lower one. "" if there is
// none.
func (p *Pair) ratioRange() string {
	lo, ok1 := p.RatioLo.Get()
	hi, ok2 := p.RatioHi.Get()
	if !ok1 || !ok2 {
		return ""
	}
	return typeset.Fixed(roundDown(lo, 1e-3)*100, 1) + " to " + typeset.Fixed(-roundDown(-hi, 1e-3)*100, 1)
}

// bounds returns the interval, in order.
func (p *Pair) bounds() (lo, hi float64, ok bool) {
	lo, ok1 := p.Lo.Get()
	hi, ok2 := p.Hi.Get()
	return min(lo, hi), max(lo, hi), ok1 && ok2
}

// words is the verdict, made here if the comparison left it out.
func (p *Pair) words(m MetricInfo) string {
	if p.Verdict != "" {
		return p.Verdict
	}
	return Conclude(*p, m)
}

// verdict classes, for color.
const (
	classSame   = "same"
	classBetter = "better"
	classWorse  = "worse"
)

// class is what the interval and the test say: the words follow it, and the color.
func (p *Pair) class(m MetricInfo) string {
	lo, hi, ok := p.bounds()
	if !ok || (lo <= 0 && hi >= 0) || p.PHolm.Or(0) > alpha {
		return classSame
	}
	if (lo > 0) != m.LowerIsBetter {
		return classBetter
	}
	return classWorse
}

// pair finds how b differs from a by one metric; nil if no pair says it, in this
// order.
func (r *Report) pair(a, b, metric string) *Pair {
	for i := range r.Pairs {
		if p := &r.Pairs[i]; p.A == a && p.B == b && p.Metric == metric {
			return p
		}
	}
	return nil
}

// better reports whether a is a better figure than b.
func (m MetricInfo) better(a, b float64) bool { return a != b && a < b == m.LowerIsBetter }

// amount writes the size of a difference with its unit.
func (m MetricInfo) amount(v float64) string {
	if m.Unit == Percent {
		return typeset.Fixed(v*100, 1) + " points"
	}
	return typeset.Fixed(v, decimals(v))
}

// roundUp rounds a bound up to the last digit that amount and delta show, so that the
// text never excludes more than the data do.
func (m MetricInfo) roundUp(v float64) float64 {
	step := math.Pow10(-decimals(v))
	if m.Unit == Percent {
		step = 1e-3
	}
	return -roundDown(-v, step)
}

// shownBounds writes the interval of a difference, its bounds rounded outward as words
// have them.
func (p *Pair) shownBounds(m MetricInfo) (lo, hi string, ok bool) {
	l, h, ok := p.bounds()
	return m.Unit.delta(N(-m.roundUp(-l))), m.Unit.delta(N(m.roundUp(h))), ok
}

// roundDown rounds v down to a multiple of step.
func roundDown(v, step float64) float64 {
	// A hair's breadth below a step is the step itself, written in binary.
	const hair = 1e-9
	return math.Floor(v/step+hair) * step
}
