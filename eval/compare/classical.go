package compare

import (
	"context"
	"fmt"

	"limbeck/eval/baseline"
	"limbeck/eval/report"
)

// classicalName is the baseline's row.
const classicalName = "classical"

// addClassical trains the classical baseline, if it can do the task, and lets it
// answer.
func (c *comparison) addClassical(ctx context.Context) error {
	if c.Train == nil || c.task == nil {
		return nil
	}
	if !baseline.Applies(c.Train) {
		c.Notes = append(c.Notes, report.Note{Title: "Classical baseline",
			Text: "None: it learns labels, or intents with slots, which the training examples do not have."})
		return nil
	}
	r := &row{Contestant: Contestant{Name: classicalName, Role: report.Baseline}}
	c.Progress("classical baseline learns", 0, 1, "")
	m, err := baseline.Train(c.Train, baseline.Options{})
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.Progress("classical baseline learns", 1, 1, "")
	r.local = m.Reply
	for i := range c.examples {
		r.Replies = append(r.Replies, reply{Text: m.Reply(c.examples[i].Input())})
	}
	r.Model = report.Model{Name: r.Name, Role: r.Role, Params: int64(m.Parameters()), Bytes: int64(m.Bytes()),
		Architecture: "linear SVM on TF-IDF of words and characters, CRF for slots",
		Shape:        fmt.Sprintf("trained on %d examples when the comparison was made", len(c.Train))}
	// Baselines come after the models, this one first.
	at := len(c.rows)
	for at > 0 && c.rows[at-1].Role == report.Baseline {
		at--
	}
	c.rows = append(c.rows[:at], append([]*row{r}, c.rows[at:]...)...)
	return nil
}
