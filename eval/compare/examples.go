package compare

import (
	"cmp"
	"slices"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/report"
)

// A Sample is an example with what all models replied.
type Sample struct {
	Example *data.Example
	Answers []Answer // in the order of the report's models
}

// An Answer is a model's reply to an example.
type Answer struct {
	Model      string
	Score      eval.ItemScore // with the reply
	Confidence *float64       // the probability of the reply; nil of a classical model
}

// tellSamples tells of every example, once it is scored.
func (c *comparison) tellSamples() {
	if c.Sample == nil || c.task == nil {
		return
	}
	for i := range c.examples {
		s := Sample{Example: &c.examples[i]}
		for _, r := range c.rows {
			a := Answer{Model: r.Name, Score: r.scores[i]}
			if r.local == nil {
				a.Confidence = &r.Replies[i].Confidence
			}
			s.Answers = append(s.Answers, a)
		}
		c.Sample(s)
	}
}

// shownReplies bounds the replies beside one example.
const shownReplies = 6

// differing returns the examples on which the models differ, worst first: those
// that the first model got right and the student got most wrong, the surer it
// was the worse.
func (c *comparison) differing() []report.Example {
	shown := c.witnesses()
	if c.task == nil || len(shown) < 2 || c.Examples <= 0 {
		return nil
	}
	first, student := shown[0], c.student()
	type candidate struct {
		at         int
		loss, sure float64
	}
	var all []candidate
	for i := range c.examples {
		differ := false
		for _, r := range shown {
			differ = differ || r.scores[i].Exact != first.scores[i].Exact
		}
		if differ {
			all = append(all, candidate{i, worth(&first.scores[i]) - worth(&student.scores[i]), student.Replies[i].Confidence})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.loss, a.loss), cmp.Compare(b.sure, a.sure))
	})
	var out []report.Example
	for _, x := range all[:min(len(all), c.Examples)] {
		e := report.Example{ID: c.examples[x.at].ID, Input: c.examples[x.at].Input(), Gold: first.scores[x.at].Gold}
		for _, r := range shown {
			answer := report.Reply{Model: r.Name, Text: r.Replies[x.at].Text, Score: report.N(0)}
			if r.local == nil {
				answer.Confidence = report.N(r.Replies[x.at].Confidence)
			}
			if r.scores[x.at].Exact {
				answer.Score = report.N(1)
			}
			e.Replies = append(e.Replies, answer)
		}
		out = append(out, e)
	}
	return out
}

// student returns the last student, else the last model.
func (c *comparison) student() *row {
	var last *row
	for _, r := range c.rows {
		if r.local == nil && (last == nil || r.Role == report.Student || last.Role != report.Student) {
			last = r
		}
	}
	return last
}

// witnesses are the models whose replies stand beside an example: all, or the
// first, the student, the classical baseline, and the last ones.
func (c *comparison) witnesses() []*row {
	if len(c.rows) <= shownReplies {
		return c.rows
	}
	out := []*row{c.rows[0]}
	rest := c.rows[1:]
	for i, r := range rest {
		if left := len(rest) - i; r == c.student() || r.local != nil || left <= shownReplies-3 {
			out = append(out, r)
		}
	}
	return out[:min(len(out), shownReplies)]
}

// worth is what a reply is worth, from 0 to 1, to sort by: half for the intent,
// half for the slots, and 1 for what is right as a whole.
func worth(s *eval.ItemScore) float64 {
	const half, almost = 0.5, 0.999
	if s.Exact {
		return 1
	}
	if !s.Valid {
		return 0
	}
	v := 0.0
	if s.Intent {
		v = half
	}
	if all := 2*s.TP + s.FP + s.FN; all > 0 {
		v += half * 2 * float64(s.TP) / float64(all)
	} else {
		v += half
	}
	return almost * v
}
