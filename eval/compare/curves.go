package compare

import (
	"cmp"
	"slices"

	"limbeck/eval/report"
	"limbeck/train"
)

// Curve returns how a training went, for the report: the course of its training loss, and
// its validations. Their metric is the share of replies whose every token was predicted;
// where the loss alone counted, there is none. Without a course, validations tell the
// training loss between them.
func Curve(name string, course, validations []train.Point, lossAlone bool) report.Curve {
	c := report.Curve{Name: name}
	if !lossAlone {
		c.Metric = "exact_match"
	}
	for _, p := range course {
		c.Points = append(c.Points, report.CurvePoint{Step: p.Step, Train: report.N(p.Loss)})
	}
	for _, p := range validations {
		x := report.CurvePoint{Step: p.Step}
		if len(course) == 0 {
			x.Train = report.N(p.Loss)
		} else if p.Validation <= 0 {
			continue // what it tells, the course does
		}
		if p.Validation > 0 {
			x.Validation = report.N(p.Validation)
			if !lossAlone {
				x.Metric = report.N(p.Metric)
			}
		}
		c.Points = append(c.Points, x)
	}
	slices.SortStableFunc(c.Points, func(a, b report.CurvePoint) int { return cmp.Compare(a.Step, b.Step) })
	return c
}
