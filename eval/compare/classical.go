package compare

import (
	"context"
	"fmt"

	"limbeck/eval/baseline"
	"limbeck/eval/report"
	"limbeck/internal/typeset"
)

// A learner is the classical baseline while it learns: beside the models' answers,
// since its longest part keeps one core busy.
type learner struct {
	stop  func()        // ends it early
	done  chan struct{} // closed at the end; nil: it does not learn
	model *baseline.Model
	err   error
	why   error // it does not learn
}

// learnClassical begins to train the classical baseline, if it can do the task.
func (c *comparison) learnClassical(ctx context.Context) *learner {
	l := &learner{stop: func() {}}
	if c.Train == nil || c.task == nil {
		return l
	}
	if l.why = baseline.Check(c.Train); l.why != nil {
		return l
	}
	ctx, cancel := context.WithCancel(ctx)
	l.done = make(chan struct{})
	l.stop = func() { cancel(); <-l.done }
	go func() {
		defer close(l.done)
		l.model, l.err = baseline.Train(ctx, c.Train, baseline.Options{})
	}()
	return l
}

// addClassical lets the classical baseline answer, once it has learned.
func (c *comparison) addClassical(l *learner) error {
	if l.done == nil {
		if l.why != nil {
			c.Notes = append(c.Notes, report.Note{Title: "Classical baseline", Text: fmt.Sprintf("None: %v.", l.why)})
		}
		return nil
	}
	c.Progress("classical baseline learns", 0, 1, "")
	<-l.done
	if l.err != nil {
		return l.err
	}
	c.Progress("classical baseline learns", 1, 1, "")
	m, r := l.model, &row{Contestant: Contestant{Name: report.Classical, Role: report.Baseline}}
	r.local = m.Reply
	for i := range c.examples {
		r.Replies = append(r.Replies, reply{Text: m.Reply(c.examples[i].Input())})
	}
	r.Model = report.Model{Name: r.Name, Role: r.Role, Params: int64(m.Parameters()), Bytes: int64(m.Bytes()),
		Architecture: "linear SVM on TF-IDF of words and characters, CRF for slots",
		Shape:        "trained on " + typeset.Counted(len(c.Train), "example") + " when the comparison was made"}
	// Baselines come after the models, this one first.
	at := len(c.rows)
	for at > 0 && c.rows[at-1].Role == report.Baseline {
		at--
	}
	c.rows = append(c.rows[:at], append([]*row{r}, c.rows[at:]...)...)
	return nil
}
