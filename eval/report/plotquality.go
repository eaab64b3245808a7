package report

import (
	"math"
	"slices"
)

// dot is one model in the plot of quality against something.
type dot struct {
	m      *Model
	look   look
	x      float64
	q      Metric
	y      float64
	lo, hi float64
}

// qualityFigure plots the first metric against what x says of a model, with
// the front of models that none other beats in both. lowX says that less is
// better along x. It returns false if fewer than two models have both.
func (r *Report) qualityFigure(f figure, xTitle string, x func(*Model) Num, factor float64, lowX bool) (figure, bool) {
	info := r.Describe(r.primary())
	dots := r.dots(info, x)
	if len(dots) < 2 {
		return f, false
	}
	var xs, ys []float64
	for _, d := range dots {
		xs = append(xs, d.x)
		ys = append(ys, d.lo, d.hi, d.y)
	}
	yFactor, yTitle := 1.0, info.Title
	if info.Unit == Percent {
		yFactor, yTitle = 100, info.Title+", %"
	}
	ax := axis{newScale(xs, true, 0.08), xTitle, factor, 5}
	ay := axis{newScale(ys, false, 0.08), yTitle, yFactor, 5}
	s := startPlot(f.Title, ax, ay)
	s.curve("front", frontLine(dots, ax.scale, ay.scale, lowX, info.LowerIsBetter), true)
	for _, d := range dots {
		at := pc(ax.scale.at(d.x))
		if d.hi > d.lo {
			s.elem("line", "class", "error "+d.look.Class, "x1", at, "x2", at,
				"y1", pc(1-ay.scale.at(d.lo)), "y2", pc(1-ay.scale.at(d.hi)))
		}
	}
	for _, d := range dots {
		s.marker(d.look, xy{ax.scale.at(d.x), ay.scale.at(d.y)}, d.words(info, xTitle, factor))
	}
	placeLabels(s, dots, ax.scale, ay.scale)
	for _, d := range dots {
		f.Legend = append(f.Legend, d.look)
	}
	f.Plot = s.html()
	return f, true
}

// dots gathers the models that have both numbers.
func (r *Report) dots(info MetricInfo, x func(*Model) Num) []dot {
	looks := r.looks()
	var out []dot
	for i := range r.Models {
		m := &r.Models[i]
		q, _ := m.metric(info.Name)
		vx, ok1 := plotted(x(m))
		vy, ok2 := plotted(q.Value)
		if !ok1 || !ok2 || vx <= 0 {
			continue
		}
		d := dot{m: m, look: looks[i], x: vx, q: q, y: vy, lo: vy, hi: vy}
		if lo, ok := plotted(q.Lo); ok {
			d.lo = lo
		}
		if hi, ok := plotted(q.Hi); ok {
			d.hi = hi
		}
		out = append(out, d)
	}
	return out
}

// words tells a dot's figures.
func (d *dot) words(info MetricInfo, xTitle string, factor float64) string {
	s := d.m.Name + ": " + info.Title + " " + info.withInterval(d.q) + "; " + number(N(d.x*factor)) + " " + xTitle
	if d.m.recorded() {
		s += " (recorded earlier)"
	}
	return s
}

// withInterval writes a score and its interval.
func (m MetricInfo) withInterval(q Metric) string {
	s := m.Unit.value(q.Value)
	if m.Unit == Percent {
		s += " %"
	}
	lo, ok1 := q.Lo.Get()
	hi, ok2 := q.Hi.Get()
	if ok1 && ok2 {
		s += " [" + m.Unit.value(N(lo)) + ", " + m.Unit.value(N(hi)) + "]"
	}
	return s
}

// frontLine is the Pareto front as points of a staircase: from the best along
// x on, each model that beats all before it in quality.
func frontLine(dots []dot, sx, sy scale, lowX, lowY bool) []xy {
	sorted := slices.Clone(dots)
	slices.SortStableFunc(sorted, func(a, b dot) int {
		less := a.x < b.x
		if !lowX {
			less = a.x > b.x
		}
		switch {
		case a.x == b.x:
			return 0
		case less:
			return -1
		}
		return 1
	})
	best := math.Inf(-1)
	var line []xy
	for _, d := range sorted {
		y := d.y
		if lowY {
			y = -y
		}
		if y > best {
			best = y
			line = append(line, xy{sx.at(d.x), sy.at(d.y)})
		}
	}
	return line
}

// placeLabels writes the models' names beside their signs, to the side where
// there is room, one pushed below the other where they would touch.
func placeLabels(s *svg, dots []dot, sx, sy scale) {
	const gap = 17.0 // pixels between two labels
	type label struct{ x, y float64 }
	var placed []label
	sorted := slices.Clone(dots)
	slices.SortStableFunc(sorted, func(a, b dot) int {
		if d := sy.at(b.y) - sy.at(a.y); d > 0 {
			return 1
		} else if d < 0 {
			return -1
		}
		return 0
	})
	for _, d := range sorted {
		x, y := sx.at(d.x), (1-sy.at(d.y))*plotHeight
		for range len(dots) {
			for _, p := range placed {
				if math.Abs(p.x-x) < 0.45 && math.Abs(p.y-y) < gap {
					y = p.y + gap
				}
			}
		}
		placed = append(placed, label{x, y})
		class, dx := "name", "11"
		if x > 0.5 {
			class, dx = "name end", "-11"
		}
		s.text("text", d.look.Name, "class", class, "x", pc(x), "y", px(y), "dx", dx, "dy", "0.32em")
	}
}
