package eval

import (
	"errors"

	"limbeck/data"
	"limbeck/measure"
)

// ExactMatch judges a reply by whether it equals the example's, both normalized
// as [data.Normalize] says. For data with labels that is accuracy.
var ExactMatch = Task{
	Name:    "exact_match",
	Metrics: []Metric{Exact},
	Score: func(e *data.Example, reply string) (ItemScore, error) {
		gold, ok := e.Reply()
		if !ok {
			return ItemScore{}, errors.New("no reply to compare with")
		}
		s := newScore(e, gold, reply)
		s.Exact = data.Normalize(reply) == data.Normalize(gold)
		return s, nil
	},
}

// Exact is the share of items that are right as a whole: for [JSONSlots], intent
// and multiset of slots equal.
var Exact = Metric{Name: "exact_match", Title: "exact match",
	Doc:       "share of replies that are right as a whole; of JSON: the intent and all slots",
	Statistic: measure.Average,
	Counts:    func(s *ItemScore) []float64 { return flag(s.Exact) }}
