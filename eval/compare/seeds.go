package compare

import (
	"math"
	"strconv"

	"limbeck/eval/report"
	"limbeck/measure"
)

// seeds returns the mean and spread of each variant over its repetitions, which
// differ in the seed alone. Intervals over items say nothing about that.
func (c *comparison) seeds() (report.Table, bool) {
	var variants []string
	groups, seeds := map[string][]*row{}, map[int64]bool{}
	most := 0
	for _, r := range c.rows {
		if r.Role != report.Student || r.local != nil {
			continue
		}
		if groups[r.Variant] == nil {
			variants = append(variants, r.Variant)
		}
		groups[r.Variant] = append(groups[r.Variant], r)
		seeds[r.Seed] = true
		most = max(most, len(groups[r.Variant]))
	}
	if most < 2 || len(seeds) < 2 {
		return report.Table{}, false
	}
	t := report.Table{Title: "Over seeds", Note: "Mean ± standard deviation over trainings that differ in the seed alone.",
		Columns: []report.Column{{Name: "variant"}, {Name: "seeds"}}}
	for _, m := range c.metrics {
		t.Columns = append(t.Columns, report.Column{Name: m.info.Title, Unit: m.info.Unit})
	}
	for _, v := range variants {
		name := v
		if name == "" {
			name = "student"
		}
		cells := []report.Cell{{Text: name}, {Text: strconv.Itoa(len(groups[v]))}}
		for _, m := range c.metrics {
			var values []float64
			for _, r := range groups[v] {
				for _, q := range r.Model.Quality {
					if v, ok := q.Value.Get(); ok && q.Name == m.info.Name {
						values = append(values, v)
					}
				}
			}
			if len(values) == 0 {
				cells = append(cells, report.Cell{})
				continue
			}
			e := measure.Mean(values)
			cell := report.Cell{Value: report.N(e.Value)}
			if len(values) > 1 {
				cell.SE = report.N(e.SE * math.Sqrt(float64(len(values))))
			}
			cells = append(cells, cell)
		}
		t.Rows = append(t.Rows, cells)
	}
	return t, true
}
