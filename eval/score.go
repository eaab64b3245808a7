package eval

import (
	"encoding/json"
	"fmt"

	"limbeck/data"
	"limbeck/measure"
)

// An ItemScore says what one reply is worth. Tasks fill what applies to them.
type ItemScore struct {
	ID       string `json:"-"`                         // whoever writes a score says what of
	Line     int    `json:"-"`                         // of the data file
	Gold     string `json:"-"`                         // the reply that was wanted
	Reply    string `json:"-"`                         // the model's
	Exact    bool   `json:"exact"`                     // right as a whole
	ByLength bool   `json:"exact_by_length,omitempty"` // choice: right by likelihood per character

	// Tasks whose reply is JSON.
	Valid   bool `json:"valid,omitempty"`   // exactly one JSON object
	Intent  bool `json:"intent,omitempty"`  // the right intent
	TP      int  `json:"tp,omitempty"`      // slots found
	FP      int  `json:"fp,omitempty"`      // slots claimed that are none
	FN      int  `json:"fn,omitempty"`      // slots missed
	Values  int  `json:"values,omitempty"`  // slot values in the reply
	Foreign int  `json:"foreign,omitempty"` // of them, those that do not occur in the input
}

// newScore returns the score of a reply that is worth nothing yet.
func newScore(e *data.Example, gold, reply string) ItemScore {
	return ItemScore{ID: e.ID, Line: e.Line, Gold: gold, Reply: reply}
}

// A Metric is a figure over the scores of items.
type Metric struct {
	Name          string // as in reports and flags: "slot_f1"
	Title         string // as people read it: "slot F1"
	Doc           string // what it is, in a sentence
	LowerIsBetter bool
	Statistic     measure.Statistic
	Counts        func(s *ItemScore) []float64 // what an item adds, Statistic.Width numbers
}

func flag(b bool) []float64 {
	if b {
		return []float64{1}
	}
	return []float64{0}
}

// Rows returns the numbers [items, Width] that the metric's statistic is computed
// from.
func (m Metric) Rows(items []ItemScore) []float64 {
	rows := make([]float64, 0, len(items)*m.Statistic.Width)
	for i := range items {
		rows = append(rows, m.Counts(&items[i])...)
	}
	return rows
}

// of returns the metric's figure over the items.
func (m Metric) of(items []ItemScore) measure.Estimate {
	return m.Statistic.Estimate(m.Rows(items))
}

// A Result is what a model reached on a task.
type Result struct {
	Task    string      `json:"task"`
	N       int         `json:"n"`
	Data    string      `json:"data_sha256,omitempty"` // of the file, if the caller says
	Digest  string      `json:"examples_sha256"`       // of the examples judged, see [data.Digest]
	Figures []Figure    `json:"figures"`
	Items   []ItemScore `json:"-"` // in the order of the data

	ReplyTokens int `json:"reply_tokens,omitempty"` // what bounded the replies, if the caller says
	Cut         int `json:"cut_replies,omitempty"`  // that came to no end within it
	TooLong     int `json:"too_long,omitempty"`     // left out, if the caller says; see [TooLong]
}

// A Figure is a metric with its value.
type Figure struct {
	Metric string
	measure.Estimate
}

// MarshalJSON writes the metric and what is known of its value.
func (f Figure) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Metric string `json:"metric"`
		measure.Known
	}{f.Metric, f.Known()})
}

// A Task scores replies of one kind of data.
type Task struct {
	Name    string
	Metrics []Metric // the first decides
	// Score judges one reply. It returns an error if the example does not say what
	// the task needs to know.
	Score func(e *data.Example, reply string) (ItemScore, error)
}

// Tasks are those whose score follows from the reply's text alone.
var Tasks = []Task{JSONSlots, ExactMatch}

// Judge scores replies[i] against examples[i]. It panics if their numbers differ.
func (t Task) Judge(examples []data.Example, replies []string) (Result, error) {
	if len(examples) != len(replies) {
		panic("eval: not one reply an example")
	}
	items := make([]ItemScore, len(examples))
	for i := range examples {
		var err error
		if items[i], err = t.score(&examples[i], replies[i]); err != nil {
			return Result{}, err
		}
	}
	return newResult(t.Name, t.Metrics, examples, items), nil
}

// Check returns the error that Judge would, of examples without any replies: no
// model need be asked to find out that there is nothing to compare its replies with.
func (t Task) Check(examples []data.Example) error {
	for i := range examples {
		if _, err := t.score(&examples[i], ""); err != nil {
			return err
		}
	}
	return nil
}

func (t Task) score(e *data.Example, reply string) (ItemScore, error) {
	s, err := t.Score(e, reply)
	if err != nil {
		err = fmt.Errorf("eval: task %s: %w", t.Name, of(e, err))
	}
	return s, err
}

func newResult(task string, metrics []Metric, examples []data.Example, items []ItemScore) Result {
	r := Result{Task: task, N: len(items), Digest: data.Digest(examples), Items: items}
	for _, m := range metrics {
		r.Figures = append(r.Figures, Figure{m.Name, m.of(items)})
	}
	return r
}
