package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/report"
	"limbeck/measure"
)

// perplexity names both the task and its metric.
const perplexity = "perplexity"

// A metric is a figure over items, from a task's scores or from losses.
type metric struct {
	info report.MetricInfo
	stat measure.Statistic
	of   *eval.Metric // nil: perplexity
}

// perItem is exp of the mean loss of a token, over each item's loss and tokens.
var perItem = measure.Statistic{Width: 2, Of: func(s []float64, _ int) float64 {
	if s[1] == 0 {
		return 1
	}
	return math.Exp(s[0] / s[1])
}}

// aliases are other names of metrics, as recipes have them.
var aliases = map[string]string{"accuracy": eval.Exact.Name}

// chooseMetrics finds the task and the metrics that are asked for, or that the
// data suggest.
func (c *comparison) chooseMetrics() error {
	d := data.Detect(c.examples)
	name := c.Task
	if name == "" || name == "auto" {
		if name = d.Task(); d.Form == data.FreeText {
			name = eval.ExactMatch.Name // people want to see the replies too
		}
	}
	if name == "choice" {
		name = eval.ExactMatch.Name // the reply is what users see
	}
	if d.Form == data.PlainText {
		name = perplexity
	}
	for i := range eval.Tasks {
		if eval.Tasks[i].Name == name {
			c.task = &eval.Tasks[i]
		}
	}
	if c.task == nil && name != perplexity {
		return fmt.Errorf("compare: no such task: %s", name)
	}
	all := c.available(d)
	if len(c.Metrics) == 0 {
		c.metrics = all
		if d.Form != data.FreeText && c.task != nil { // a loss beside scores that are clear says little
			c.metrics = slices.DeleteFunc(all, func(m metric) bool { return m.of == nil })
		}
		return nil
	}
	for _, want := range c.Metrics {
		i := slices.IndexFunc(all, func(m metric) bool { return m.named(want) })
		if i < 0 {
			var known []string
			for _, m := range all {
				known = append(known, m.info.Name)
			}
			return fmt.Errorf("compare: metric %q does not go with the task %s; known are: %s", want, name, strings.Join(known, ", "))
		}
		c.metrics = append(c.metrics, all[i])
	}
	return nil
}

func (m *metric) named(name string) bool {
	if m.info.Name == name {
		return true
	}
	return m.of != nil && m.of.Name == aliases[name]
}

// available lists all metrics that go with the task, the one that decides first.
func (c *comparison) available(d data.Description) []metric {
	loss := metric{info: report.MetricInfo{Name: perplexity, Title: perplexity, LowerIsBetter: true}, stat: perItem}
	if c.task == nil {
		return []metric{loss}
	}
	var all []metric
	for i := range c.task.Metrics {
		of := &c.task.Metrics[i]
		info := report.MetricInfo{Name: of.Name, Title: of.Title, Unit: report.Percent, LowerIsBetter: of.LowerBetter}
		if d.Form == data.Classification && of.Name == eval.Exact.Name {
			info.Name, info.Title = "accuracy", "accuracy"
		}
		if of.Name == eval.ForeignValues.Name {
			info.Title = "values not in input" // shorter: it heads a column
		}
		all = append(all, metric{info, of.Statistic, of})
	}
	if d.Form == data.FreeText { // no two good answers are equal: the loss decides
		return append([]metric{loss}, all...)
	}
	return append(all, loss)
}

func (c *comparison) taskName() string {
	if c.task == nil {
		return perplexity
	}
	return c.task.Name
}

// losses reports whether perplexity is wanted.
func (c *comparison) losses() bool {
	return slices.ContainsFunc(c.metrics, func(m metric) bool { return m.of == nil })
}

// score turns replies and losses into each metric's numbers.
func (c *comparison) score() error {
	for _, r := range c.rows {
		if c.task != nil {
			texts := make([]string, len(r.Replies))
			for i := range r.Replies {
				texts[i] = r.Replies[i].Text
			}
			result, err := c.task.Judge(c.examples, texts)
			if err != nil {
				return err
			}
			r.scores = result.Items
		}
		r.numbers = make([][]float64, len(c.metrics))
		for k, m := range c.metrics {
			if m.of != nil {
				r.numbers[k] = m.of.Rows(r.scores)
			} else {
				r.numbers[k] = r.Losses
			}
		}
	}
	return nil
}
