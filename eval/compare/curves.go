package compare

import (
	"limbeck/eval/report"
	"limbeck/train"
)

// Curve returns how a training went, for the report. Its metric is the share of
// replies whose every token was predicted.
func Curve(name string, points []train.Point) report.Curve {
	c := report.Curve{Name: name, Metric: "exact_match"}
	for _, p := range points {
		x := report.CurvePoint{Step: p.Step, Train: report.N(p.Loss)}
		if p.Validation > 0 {
			x.Validation, x.Metric = report.N(p.Validation), report.N(p.Metric)
		}
		c.Points = append(c.Points, x)
	}
	return c
}
