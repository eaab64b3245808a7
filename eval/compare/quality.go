package compare

import (
	"context"
	"strings"

	"limbeck/eval/report"
	"limbeck/measure"
)

// estimate fills in each model's figures.
func (c *comparison) estimate(ctx context.Context) error {
	k := len(c.metrics)
	figures := make([]measure.Estimate, len(c.rows)*k)
	err := c.each(ctx, "figures", len(figures), func(i int) {
		r, m := c.rows[i/k], c.metrics[i%k]
		if len(r.numbers[i%k]) > 0 {
			figures[i] = c.Bootstrap.Estimate(m.stat, r.numbers[i%k])
		}
	})
	for i, e := range figures {
		if e.N == 0 {
			continue
		}
		known := e.Known()
		m := &c.rows[i/k].Model
		m.Quality = append(m.Quality, report.Metric{Name: c.metrics[i%k].info.Name, Value: report.N(e.Value),
			SE: ifKnown(known.SE), Lo: ifKnown(known.Lo), Hi: ifKnown(known.Hi), N: e.N})
	}
	return err
}

// ifKnown is absent if v is nil.
func ifKnown(v *float64) report.Num {
	if v == nil {
		return report.Num{}
	}
	return report.N(*v)
}

// allPairs bounds the number of models of which every two are compared.
const allPairs = 3

// opponents lists who is compared with whom: A, then B, as rows. Everything is
// compared with the first model; a baseline stands against what is to beat it.
func (c *comparison) opponents() [][2]int {
	var models, baselines, students []int
	for i, r := range c.rows {
		if r.Role == report.Baseline {
			baselines = append(baselines, i)
			continue
		}
		models = append(models, i)
		if r.Role == report.Student {
			students = append(students, i)
		}
	}
	var out [][2]int
	for at, i := range models {
		for _, j := range models[at+1:] {
			if at == 0 || len(models) <= allPairs {
				out = append(out, [2]int{i, j})
			}
		}
	}
	if len(students) == 0 {
		students = models
	}
	if len(students) > allPairs {
		students = students[len(students)-1:]
	}
	for _, b := range baselines {
		for _, s := range students {
			out = append(out, [2]int{b, s})
		}
	}
	return out
}

// pairs returns the paired differences, by pair and then by metric.
func (c *comparison) pairs(ctx context.Context) ([]report.Pair, error) {
	opponents, k := c.opponents(), len(c.metrics)
	found := make([]measure.Paired, len(opponents)*k)
	err := c.each(ctx, "differences", len(found), func(i int) {
		a, b := c.rows[opponents[i/k][0]].numbers[i%k], c.rows[opponents[i/k][1]].numbers[i%k]
		if len(a) == len(b) && len(a) > 0 {
			found[i] = c.Bootstrap.Compare(c.metrics[i%k].stat, a, b)
		}
	})
	if err != nil {
		return nil, err
	}
	for m := range c.metrics { // Holm's correction is over the pairs, metric by metric
		var family []measure.Paired
		for i := m; i < len(found); i += k {
			family = append(family, found[i]) // shares the test that is adjusted
		}
		measure.AdjustHolm(family)
	}
	var out []report.Pair
	for i := range found {
		if p := &found[i]; p.Difference.N > 0 {
			a, b := c.rows[opponents[i/k][0]], c.rows[opponents[i/k][1]]
			out = append(out, newPair(a.Name, b.Name, c.metrics[i%k].info, p))
		}
	}
	return out, nil
}

// newPair returns a difference as the report has it.
func newPair(a, b string, info report.MetricInfo, p *measure.Paired) report.Pair {
	d, t := p.Difference, p.McNemar
	out := report.Pair{A: a, B: b, Metric: info.Name, N: d.N, Diff: report.N(d.Value)}
	if p.Ratio != nil {
		out.Ratio = report.N(p.Ratio.Value)
	}
	if t != nil || d.Lo < d.Hi { // a point is no interval: one item, or none that differs
		out.Lo, out.Hi = report.N(d.Lo), report.N(d.Hi)
		if p.Ratio != nil {
			ratio := p.Ratio.Known()
			out.RatioLo, out.RatioHi = ifKnown(ratio.Lo), ifKnown(ratio.Hi)
		}
	}
	if t != nil {
		out.P, out.PHolm = report.N(t.P), report.N(t.Holm)
	}
	out.Verdict = report.Conclude(out, info)
	switch {
	case t == nil && d.Value == 0 && d.Lo == d.Hi:
		out.Verdict = "no example tells them apart"
	case t != nil && t.OnlyA == 0 && t.OnlyB == 0:
		out.Verdict = strings.Replace(out.Verdict, "not significant", "no example tells them apart", 1)
	}
	return out
}
