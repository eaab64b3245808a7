package report

import (
	"math"
	"slices"

	"limbeck/internal/typeset"
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
	ax := axis{newScale(xs, true, 0.08), xTitle, factor, 4}
	ay := axis{newScale(ys, false, 0.08), yTitle, yFactor, 5}
	s := startPlot(f.Title, ax, ay)
	front := frontLine(dots, ax.scale, ay.scale, lowX, info.LowerIsBetter)
	s.curve("front", front, true)
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
	placeLabels(s, dots, front, ax.scale, ay.scale)
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

// The width that labels are placed for: a plot in half of a wide page. A
// narrower plot shows its legend instead.
const (
	labelPlot  = 430.0 // pixels, the plot's area
	labelChar  = 6.6   // of 12 pixel letters
	labelHigh  = 15.0
	labelApart = 11.0 // from the middle of the sign
)

// box is a rectangle in pixels.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) meets(o box) bool {
	return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1
}

// obstacle is what a name should not touch, and how much that matters.
type obstacle struct {
	box
	weight int
}

// Weights of obstacles: names and signs must stay readable, lines may cross.
const (
	heavy   = 100
	light   = 3
	outside = 1000
)

// obstacles are the signs, the intervals and the front of a plot.
func obstacles(dots []dot, front []xy, sx, sy scale) []obstacle {
	var out []obstacle
	for _, d := range dots {
		x, y := sx.at(d.x)*labelPlot, (1-sy.at(d.y))*plotHeight
		out = append(out, obstacle{box{x - 7, y - 7, x + 7, y + 7}, heavy},
			obstacle{box{x - 1, (1 - sy.at(d.hi)) * plotHeight, x + 1, (1 - sy.at(d.lo)) * plotHeight}, light})
	}
	for i := 1; i < len(front); i++ {
		x0, y0 := front[i-1].x*labelPlot, (1-front[i-1].y)*plotHeight
		x1, y1 := front[i].x*labelPlot, (1-front[i].y)*plotHeight
		out = append(out, obstacle{box{min(x0, x1), y0 - 1, max(x0, x1), y0 + 1}, light},
			obstacle{box{x1 - 1, min(y0, y1), x1 + 1, max(y0, y1)}, light})
	}
	return out
}

// placeLabels writes the models' names beside their signs, each where it
// touches the least.
func placeLabels(s *svg, dots []dot, front []xy, sx, sy scale) {
	const crowd = 40 // beyond that, names would cover the plot
	if len(dots) > crowd {
		return
	}
	taken := obstacles(dots, front, sx, sy)
	for _, d := range dots {
		x, y := sx.at(d.x)*labelPlot, (1-sy.at(d.y))*plotHeight
		wide := float64(typeset.Width(d.look.Name)) * labelChar
		best, least := label{}, math.MaxInt
		for _, l := range labelPlaces {
			b := l.box(x, y, wide)
			cost := 0
			if b.x0 < -2 || b.x1 > labelPlot+14 || b.y0 < -12 || b.y1 > plotHeight {
				cost = outside
			}
			for _, o := range taken {
				if b.meets(o.box) {
					cost += o.weight
				}
			}
			if cost < least {
				best, least = l, cost
			}
		}
		taken = append(taken, obstacle{best.box(x, y, wide), heavy})
		s.text("text", d.look.Name, "class", "name "+best.anchor, "x", pc(sx.at(d.x)), "y", px(y+best.dy),
			"dx", px(best.dx), "dy", "0.32em")
	}
}

// label is a place for a name, relative to its sign.
type label struct {
	anchor string // "", mid, end
	dx, dy float64
}

// labelPlaces are tried in this order.
var labelPlaces = []label{
	{"", labelApart, 0}, {"end", -labelApart, 0}, {"", labelApart, -15}, {"", labelApart, 15}, {"end", -labelApart, -15}, {"end", -labelApart, 15},
	{"mid", 0, -19}, {"mid", 0, 19}, {"", labelApart, -30}, {"", labelApart, 30}, {"end", -labelApart, -30}, {"end", -labelApart, 30},
}

// box is the room that a name takes.
func (l label) box(x, y, wide float64) box {
	x0 := x + l.dx
	switch l.anchor {
	case "mid":
		x0 -= wide / 2
	case "end":
		x0 -= wide
	}
	return box{x0, y + l.dy - labelHigh/2, x0 + wide, y + l.dy + labelHigh/2}
}
