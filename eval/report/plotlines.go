package report

import (
	"strconv"

	"limbeck/internal/typeset"
)

// Plot is a figure of lines, beside the report's tables.
type Plot struct {
	Title string `json:"title"`
	Note  string `json:"note"`
	X     string `json:"x"` // titles of the axes
	Y     string `json:"y"`
	Lines []Line `json:"lines"`
}

// Line is one line of a plot, its points from left to right. A limit is dashed
// and has the color of the line before it.
type Line struct {
	Name   string  `json:"name"`
	Limit  bool    `json:"limit"`
	Points []Point `json:"points"`
}

// Point is a point of a line; where Y is absent there is none.
type Point struct {
	X float64 `json:"x"`
	Y Num     `json:"y"`
}

// drawn returns the points of a line that can be shown.
func (l *Line) drawn() (xs, ys []float64) {
	for _, p := range l.Points {
		y, ok := plotted(p.Y)
		if x, fine := plotted(N(p.X)); ok && fine {
			xs, ys = append(xs, x), append(ys, y)
		}
	}
	return xs, ys
}

// plotFigures draws the report's own plots.
func (r *Report) plotFigures() []figure {
	var out []figure
	for i := range r.Plots {
		if f, ok := r.Plots[i].figure(); ok {
			out = append(out, f)
		}
	}
	return out
}

// axes span the points; ok is false if there are none.
func (p *Plot) axes() (x, y axis, ok bool) {
	var xs, ys []float64
	for i := range p.Lines {
		x, y := p.Lines[i].drawn()
		xs, ys = append(xs, x...), append(ys, y...)
	}
	x, y = axis{newScale(xs, logFits(xs), 0.03), p.X, 1, 4}, axis{newScale(append(ys, 0), false, 0), p.Y, 1, 5}
	if logFits(ys) {
		y = axis{newScale(ys, true, 0.06), p.Y + ", logarithmic", 1, 5}
	}
	return x, y, len(ys) > 0
}

func (p *Plot) figure() (figure, bool) {
	f := figure{Title: p.Title, Note: p.Note}
	x, y, ok := p.axes()
	if !ok {
		return f, false
	}
	s := startPlot(p.Title, x, y)
	color := -1
	for i := range p.Lines {
		l := &p.Lines[i]
		if !l.Limit {
			color++
		}
		who := look{"s" + strconv.Itoa(max(0, color)%colors), circle, l.Name}
		if l.Limit {
			who.Class += " limit"
		}
		xs, ys := l.drawn()
		var points []xy
		for k := range xs {
			points = append(points, xy{x.scale.at(xs[k]), y.scale.at(ys[k])})
		}
		s.curve(who.Class, points, false)
		for k, at := range points {
			if !l.Limit {
				s.marker(who, at, l.Name+", "+typeset.Fixed(xs[k], 0)+": "+number(N(ys[k])))
			}
		}
		if l.Limit {
			who = who.line(true)
		}
		f.Legend = append(f.Legend, who)
	}
	f.Plot = s.html()
	return f, true
}
