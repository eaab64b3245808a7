package measure

import (
	"math"
	"slices"
)

// McNemar is McNemar's exact test of two models' scores of 0 and 1 on the same
// items: if both are equally good, the items that only one of them got right are
// divided between them like tosses of a coin.
type McNemar struct {
	OnlyA int // items that A got right and B did not
	OnlyB int
	P     float64 // exact, two-sided
	Holm  float64 // P adjusted over the pairs compared, see [AdjustHolm]
}

func newMcNemar(a, b []float64) *McNemar {
	m := &McNemar{}
	for i := range a {
		switch {
		case a[i] > b[i]:
			m.OnlyA++
		case a[i] < b[i]:
			m.OnlyB++
		}
	}
	m.P = mcNemarP(m.OnlyA, m.OnlyB)
	m.Holm = m.P
	return m
}

// mcNemarP returns the exact two-sided p-value of b and c discordant items:
// min(1, 2·P(X ≤ min(b, c))) with X binomial of b+c tosses of a fair coin.
func mcNemarP(b, c int) float64 {
	n, k := b+c, min(b, c)
	logFactorial := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	var tail float64
	for i := 0; i <= k; i++ {
		tail += math.Exp(logFactorial(n) - logFactorial(i) - logFactorial(n-i) - float64(n)*math.Ln2)
	}
	return min(1, 2*tail)
}

// holm returns p-values adjusted for testing all of p at once (Holm 1979): each
// is multiplied by the number of hypotheses not yet rejected, in order of p, and
// none falls below the one before it.
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case p[i] < p[j]:
			return -1
		case p[i] > p[j]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(p))
	highest := 0.0
	for rank, i := range order {
		highest = max(highest, min(1, float64(len(p)-rank)*p[i]))
		out[i] = highest
	}
	return out
}

// AdjustHolm sets Holm of all comparisons that have McNemar's test.
func AdjustHolm(pairs []Paired) {
	var p []float64
	var tests []*McNemar
	for i := range pairs {
		if m := pairs[i].McNemar; m != nil {
			p, tests = append(p, m.P), append(tests, m)
		}
	}
	for i, adjusted := range holm(p) {
		tests[i].Holm = adjusted
	}
}
