package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/report"
	"limbeck/internal/words"
	"limbeck/measure"
)

// perplexity names both the task and its metric.
const perplexity = eval.PerplexityTask

// autoTask leaves the task to the form of the data, as no name does.
const autoTask = "auto"

// TaskNames lists what may be asked for: [eval.TaskNames], and auto.
func TaskNames() []string { return append([]string{autoTask}, eval.TaskNames()...) }

// A metric is a figure over items, from a task's scores or from losses.
type metric struct {
	info report.MetricInfo
	stat measure.Statistic
	of   *eval.Metric // nil: perplexity
}

// perItem is exp of the mean loss of a token, over each item's loss and tokens: those
// of the first model, as another may cut the same text into fewer or more.
var perItem = measure.Statistic{Width: 2, Of: func(s []float64, _ int) float64 {
	if s[1] == 0 {
		return 1
	}
	return math.Exp(s[0] / s[1])
}}

// form returns the form of the data: of what the models learned, if that is known,
// as a few test examples may not show it.
func (c *comparison) form() data.Form {
	switch {
	case c.Form != "":
		return c.Form
	case len(c.Train) > 0:
		return data.Detect(c.Train).Form
	}
	return data.Detect(c.examples).Form
}

// chooseMetrics finds the task and the metrics that are asked for, or that the
// form of the data suggests.
func (c *comparison) chooseMetrics() error {
	form, name, lossLeads := c.form(), c.Task, false
	switch {
	case name == eval.ChoiceTask: // among labels; the reply is what users see
		form, name = data.Classification, eval.ExactMatch.Name
	case name != "" && name != autoTask:
	case form == data.FreeText: // no two good answers are equal, but people want to see them
		name, lossLeads = eval.ExactMatch.Name, true
	default:
		name = data.Description{Form: form}.Task()
	}
	for i := range eval.Tasks {
		if eval.Tasks[i].Name == name {
			c.task = &eval.Tasks[i]
		}
	}
	if c.task == nil && name != perplexity {
		return errors.New("compare: " + words.Unknown("task", name, TaskNames()))
	}
	all := c.available(form, lossLeads)
	if len(c.Metrics) == 0 {
		c.metrics = all
		if c.task != nil && !lossLeads { // a loss beside scores that are clear says little
			c.metrics = slices.DeleteFunc(all, func(m metric) bool { return m.of == nil })
		}
		return nil
	}
	for k, want := range c.Metrics {
		if slices.Contains(c.Metrics[:k], want) {
			return fmt.Errorf("compare: metric %q is named twice", want)
		}
		i := slices.IndexFunc(all, func(m metric) bool { return m.info.Name == want })
		if i < 0 {
			var known []string
			for _, m := range all {
				known = append(known, m.info.Name)
			}
			return fmt.Errorf("compare: metric %q does not go with the task %s%s; known are: %s",
				want, name, words.Hint(want, known), strings.Join(known, ", "))
		}
		c.metrics = append(c.metrics, all[i])
	}
	return nil
}

// Check returns an error if examples cannot be compared as o asks, without a
// model: its metrics do not go with the task, or an example does not say what the
// task compares replies with. Without examples it looks at the metrics alone.
func Check(examples []data.Example, o Options) error {
	c := &comparison{Options: o, examples: examples}
	if err := c.chooseMetrics(); err != nil || c.task == nil {
		return err
	}
	return c.task.Check(examples)
}

// available lists all metrics that go with the task, the one that decides first.
func (c *comparison) available(form data.Form, lossLeads bool) []metric {
	loss := metric{info: report.MetricInfo{Name: perplexity, Title: perplexity, LowerIsBetter: true}, stat: perItem}
	if c.task == nil {
		return []metric{loss}
	}
	var all []metric
	for i := range c.task.Metrics {
		of := &c.task.Metrics[i]
		info := report.MetricInfo{Name: of.Name, Title: of.Title, Unit: report.Percent, LowerIsBetter: of.LowerIsBetter}
		if form == data.Classification && of.Name == eval.Exact.Name {
			info.Name, info.Title = "accuracy", "accuracy"
		}
		all = append(all, metric{info, of.Statistic, of})
	}
	if lossLeads {
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

// perTokenOf returns the losses of items with the numbers of tokens that first has.
func perTokenOf(first, losses []float64) []float64 {
	out := slices.Clone(losses)
	for i := 1; i < len(out) && len(first) == len(out); i += 2 {
		out[i] = first[i]
	}
	return out
}

// score turns replies and losses into each metric's numbers.
func (c *comparison) score() error {
	differ := false
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
				if rows := m.of.Rows(r.scores); m.stat.Defined(rows) {
					r.numbers[k] = rows
				}
			} else {
				r.numbers[k] = perTokenOf(c.rows[0].Losses, r.Losses)
				differ = differ || !slices.Equal(r.numbers[k], r.Losses)
			}
		}
	}
	if differ {
		c.Notes = append(c.Notes, report.Note{Title: "Perplexity",
			Text: fmt.Sprintf("Of a token as %s cuts texts. Other models cut the same text into fewer or more.", c.rows[0].Name)})
	}
	if c.losses() && len(c.rows[0].Losses) > 2*len(c.examples) { // two numbers a piece
		c.Notes = append(c.Notes, report.Note{Title: "Texts",
			Text: fmt.Sprintf("Texts are scored in pieces of %d bytes at most, which are the items. Pieces of one text are alike: their errors and intervals are narrower than those of as many texts.", data.TextPiece)})
	}
	return nil
}
