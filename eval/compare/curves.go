package compare

import (
	"limbeck/eval/report"
	"limbeck/train"
)

// Curve returns how a training went, for the report. Its metric is the share of
// replies whose every token was predicted; where the loss alone counted, there is none.
func Curve(name string, points []train.Point, lossAlone bool) report.Curve {
	c := report.Curve{Name: name}
	if !lossAlone {
		c.Metric = "exact_match"
	}
	for _, p := range points {
		x := report.CurvePoint{Step: p.Step, Train: report.N(p.Loss)}
		if p.Validation > 0 {
			x.Validation = report.N(p.Validation)
			if !lossAlone {
				x.Metric = report.N(p.Metric)
			}
		}
		c.Points = append(c.Points, x)
	}
	return c
}
