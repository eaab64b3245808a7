package report

import (
	"math"
	"strconv"

	"limbeck/internal/typeset"
)

// maxPoints bounds what is drawn of one series; more would not be seen.
const maxPoints = 400

// series takes the points of a curve that have a value, thinned evenly.
func series(c *Curve, f func(CurvePoint) Num) (steps, values []float64) {
	for _, p := range c.Points {
		if v, ok := plotted(f(p)); ok {
			steps = append(steps, float64(p.Step))
			values = append(values, v)
		}
	}
	if len(values) <= maxPoints {
		return steps, values
	}
	var s, v []float64
	for i := range maxPoints {
		k := i * (len(values) - 1) / (maxPoints - 1)
		s, v = append(s, steps[k]), append(v, values[k])
	}
	return s, v
}

// logFits says whether a logarithmic scale shows the values better: positive,
// and over more than a factor of eight.
func logFits(values []float64) bool {
	lo, hi := math.Inf(1), 0.0
	for _, v := range values {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo > 0 && hi > 8*lo
}

// curveFigures plots the losses of each training, and the validation metrics
// of all of them together.
func (r *Report) curveFigures() []figure {
	var out []figure
	for i := range r.Curves {
		if f, ok := lossFigure(&r.Curves[i]); ok {
			out = append(out, f)
		}
	}
	if f, ok := r.metricFigure(); ok {
		out = append(out, f)
	}
	return out
}

// lossFigure plots training and validation loss over steps.
func lossFigure(c *Curve) (figure, bool) {
	ts, train := series(c, func(p CurvePoint) Num { return p.Train })
	vs, val := series(c, func(p CurvePoint) Num { return p.Validation })
	if len(train) < 2 && len(val) < 2 {
		return figure{}, false
	}
	f := figure{Title: "Loss: " + c.Name}
	all := append(append([]float64{}, train...), val...)
	x := axis{newScale(append(append([]float64{0}, ts...), vs...), false, 0), "step", 1, 4}
	y := axis{newScale(all, logFits(all), 0.04), "loss", 1, 5}
	if y.scale.log {
		y.title = "loss, logarithmic"
	}
	s := startPlot(f.Title, x, y)
	line := func(class string, steps, values []float64) {
		var pts []xy
		for i := range steps {
			pts = append(pts, xy{x.scale.at(steps[i]), y.scale.at(values[i])})
		}
		s.curve(class, pts, false)
	}
	line("train", ts, train)
	line("validation", vs, val)
	if n := len(val); n > 0 {
		f.Note = "Validation loss ends at " + typeset.Fixed(val[n-1], 3) + " after " + typeset.Fixed(vs[n-1], 0) + " steps."
		for i := range val {
			if n <= 60 { // as dots only while they stay apart
				tip := "step " + typeset.Fixed(vs[i], 0) + ": validation loss " + typeset.Fixed(val[i], 4)
				s.marker(look{Class: "validation small", Sign: "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0Z"}, xy{x.scale.at(vs[i]), y.scale.at(val[i])}, tip)
			}
		}
		f.Legend = append(f.Legend, look{Class: "validation", Name: "validation"}.line(false))
	}
	if len(train) > 0 {
		f.Legend = append(f.Legend, look{Class: "train", Name: "training"}.line(false))
	}
	f.Plot = s.html()
	return f, true
}

// metricFigure plots the validation metric of every training that has one, if
// all mean the same metric.
func (r *Report) metricFigure() (figure, bool) {
	f := figure{Title: "Validation metric while training"}
	type run struct {
		class         string
		steps, values []float64
	}
	var runs []run
	var xs, ys []float64
	name := ""
	for i := range r.Curves {
		c := &r.Curves[i]
		steps, values := series(c, func(p CurvePoint) Num { return p.Metric })
		if len(values) < 2 || (name != "" && c.Metric != name) {
			continue
		}
		name = c.Metric
		// Trainings are not models: their colors start after those of the roles.
		class := "s" + strconv.Itoa(roleColors+len(runs)%(colors-roleColors))
		runs = append(runs, run{class, steps, values})
		xs, ys = append(xs, steps...), append(ys, values...)
		f.Legend = append(f.Legend, look{Class: class, Name: c.Name}.line(false))
	}
	if len(runs) == 0 {
		return f, false
	}
	info := r.Describe(name)
	y := axis{newScale(ys, false, 0.04), info.Title, 1, 5}
	if info.Unit == Percent {
		y.title, y.factor = info.Title+", %", 100
	}
	x := axis{newScale(append(xs, 0), false, 0), "step", 1, 4}
	s := startPlot(f.Title, x, y)
	for _, u := range runs {
		var pts []xy
		for i := range u.steps {
			pts = append(pts, xy{x.scale.at(u.steps[i]), y.scale.at(u.values[i])})
		}
		s.curve(u.class, pts, false)
	}
	f.Plot = s.html()
	return f, true
}

// timesFigure plots how reply times are distributed: the share of prompts
// answered within a time.
func (r *Report) timesFigure() (figure, bool) {
	f := figure{Title: "Reply times", Note: "Share of prompts answered within a time, text in to text out, one after the other; of a prompt that was answered several times in a round, the mean."}
	looks := r.looks()
	f.Table = &grid{Caption: "Reply times by model",
		Head: []gridHead{{Text: "model"}, {Text: "median", Numeric: true}, {Text: "90 %", Numeric: true}, {Text: "99 %", Numeric: true}, {Text: "longest", Numeric: true}}}
	var all []float64
	curves := make([][]float64, len(r.Models))
	for i := range r.Models {
		for _, v := range r.Models[i].sortedLatencies() {
			if v > 0 && v <= drawable {
				curves[i] = append(curves[i], v)
			}
		}
		if len(curves[i]) > 0 {
			all = append(all, curves[i][0], curves[i][len(curves[i])-1])
		}
	}
	if len(all) == 0 {
		return f, false
	}
	x := axis{newScale(all, logFits(all), 0.02), "ms", 1e3, 4}
	if x.scale.log {
		x.title = "ms, logarithmic"
	}
	y := axis{scale{lo: 0, hi: 1}, "requests, %", 100, 4}
	s := startPlot(f.Title, x, y)
	for i, sorted := range curves {
		if len(sorted) == 0 {
			continue
		}
		s.curve(looks[i].Class, distribution(sorted, x.scale), true)
		f.Legend = append(f.Legend, looks[i].line(r.Models[i].recorded()))
		row := []gridCell{{Text: r.Models[i].Name, Look: &looks[i]}}
		for _, q := range []float64{0.5, 0.9, 0.99, 1} {
			row = append(row, cellOf(quantile(sorted, q), seconds(quantile(sorted, q))))
		}
		f.Table.Rows = append(f.Table.Rows, row)
	}
	f.Plot = s.html()
	return f, true
}

// distribution is the empirical distribution as a staircase, thinned.
func distribution(sorted []float64, x scale) []xy {
	pts := []xy{{x.at(sorted[0]), 0}}
	n := min(len(sorted), maxPoints)
	for i := 1; i <= n; i++ {
		k := i * len(sorted) / n
		pts = append(pts, xy{x.at(sorted[k-1]), float64(k) / float64(len(sorted))})
	}
	return append(pts, xy{1, 1})
}
