package report

import (
	"html/template"
	"math"
)

// forest shows differences with their intervals, one below the other on one
// scale, with a line at zero.
type forest struct {
	Title string
	Axis  template.HTML
	Rows  []forestRow
}

// forestRow is a difference; or, if Head is set, the pair whose rows follow.
type forestRow struct {
	Head    string
	Metric  string
	Plot    template.HTML
	Diff    string
	Range   string
	Class   string // better, worse, same
	Verdict string
}

// forests groups the pairs by scale: all shares together, in points; every
// other metric by itself.
func (r *Report) forests() []forest {
	var order []string
	groups := map[string][]Pair{}
	for _, p := range r.Pairs {
		k := p.Metric
		if r.Describe(p.Metric).Unit == Percent {
			k = ""
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], p)
	}
	var out []forest
	for _, k := range order {
		out = append(out, r.forest(groups[k]))
	}
	return out
}

func (r *Report) forest(pairs []Pair) forest {
	first := r.Describe(pairs[0].Metric)
	f := forest{Title: "Difference in " + first.Title}
	factor := 1.0
	if first.Unit == Percent {
		f.Title, factor = "Difference in points", 100
	}
	sc := forestScale(pairs, factor)
	f.Axis = forestAxis(sc, factor)
	a, b := "", ""
	for i := range pairs {
		p := &pairs[i]
		if i == 0 || p.A != a || p.B != b {
			a, b = p.A, p.B
			f.Rows = append(f.Rows, forestRow{Head: b + " − " + a})
		}
		m := r.Describe(p.Metric)
		row := forestRow{Metric: m.Title, Diff: m.Unit.delta(p.Diff), Class: p.class(m), Verdict: glueSigns(p.words(m))}
		if lo, hi, ok := p.shownBounds(m); ok {
			row.Range = lo + " to " + hi
		}
		label := b + " − " + a + ", " + m.Title + ": " + row.Diff
		if row.Range != "" {
			label += " (" + row.Range + ")"
		}
		row.Plot = p.forestPlot(sc, row.Class, label)
		f.Rows = append(f.Rows, row)
	}
	return f
}

// forestScale holds zero and all intervals. Where nothing differs, it spans what one
// unit is on the axis, which shows values times factor.
func forestScale(pairs []Pair, factor float64) scale {
	values, most := []float64{0}, 0.0
	for _, p := range pairs {
		for _, n := range []Num{p.Diff, p.Lo, p.Hi} {
			if v, ok := plotted(n); ok {
				values, most = append(values, v), max(most, math.Abs(v))
			}
		}
	}
	if most*factor < leastLabel {
		return scale{lo: -1 / factor, hi: 1 / factor}
	}
	s := newScale(values, false, 0.04)
	// Zero shall not stand at the very edge.
	if span := s.hi - s.lo; s.hi < span*0.06 {
		s.hi = span * 0.06
	} else if s.lo > -span*0.06 {
		s.lo = -span * 0.06
	}
	return s
}

func forestAxis(sc scale, factor float64) template.HTML {
	s := new(svg)
	s.open("svg", "class", "scale", "aria-hidden", "true")
	ticks := sc.ticks(5)
	for i, label := range tickLabels(ticks, factor) {
		if ticks[i] > 0 && !math.Signbit(ticks[i]) && label != "0" {
			label = "+" + label
		}
		s.text("text", label, "class", "tick mid", "x", pc(sc.at(ticks[i])), "y", "12")
	}
	return s.html()
}

// forestPlot draws one interval.
func (p *Pair) forestPlot(sc scale, class, label string) template.HTML {
	s := new(svg)
	s.open("svg", "class", "whisker "+class, "role", "img", "aria-label", label, "data-tip", label)
	s.text("title", label)
	for _, t := range sc.ticks(5) {
		at := pc(sc.at(t))
		s.elem("line", "class", "grid", "x1", at, "x2", at, "y1", "0", "y2", "100%")
	}
	zero := pc(sc.at(0))
	s.elem("line", "class", "zero", "x1", zero, "x2", zero, "y1", "0", "y2", "100%")
	if lo, hi, ok := p.bounds(); ok && math.Abs(lo) <= drawable && math.Abs(hi) <= drawable {
		x1, x2 := pc(sc.at(lo)), pc(sc.at(hi))
		s.elem("line", "class", "range", "x1", x1, "x2", x2, "y1", "50%", "y2", "50%")
		for _, x := range []string{x1, x2} {
			s.open("svg", "class", "spot", "x", x, "y", "50%")
			s.elem("line", "class", "range", "y1", "-4", "y2", "4")
			s.close()
		}
	}
	if v, ok := plotted(p.Diff); ok {
		s.elem("circle", "class", "dot", "cx", pc(sc.at(v)), "cy", "50%", "r", "4.5")
	}
	return s.html()
}
