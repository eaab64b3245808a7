package eval

import (
	"errors"
	"strings"

	"limbeck/data"
	"limbeck/measure"
)

// JSONSlots judges replies that are one JSON object of an intent and slots.
//
// The reply must be exactly one JSON object; white space may surround it, and
// nothing is repaired. If it is not, its intent is wrong and every gold slot is
// missed. Slots are a multiset of (name, value); values are compared after
// [data.Normalize], names and intents as they are. A list's values count one by
// one, and a value that is no string is a slot that matches nothing.
//
// A key that occurs twice counts twice, as if its values were a list (an intent
// given twice is wrong): what is judged is all that the model said. RFC 8259 leaves
// open what a parser makes of such a reply, and most keep the last value alone: a
// client that uses one can see less than what is counted here.
var JSONSlots = Task{
	Name:    "json_slots",
	Metrics: []Metric{Exact, intentAccuracy, slotF1, invalidJSON, ForeignValues},
	Score:   scoreSlots,
}

// intentAccuracy is the share of items with the right intent.
var intentAccuracy = Metric{Name: "intent_accuracy", Title: "intent accuracy",
	Doc:       "share of replies with the right intent",
	Statistic: measure.Average,
	Counts:    func(s *ItemScore) []float64 { return flag(s.Intent) }}

// slotF1 is micro-averaged over all slots of all items, whatever the intents.
var slotF1 = Metric{Name: "slot_f1", Title: "slot F1",
	Doc:       "harmonic mean of precision and recall over all slots; a name given twice is two slots",
	Statistic: measure.F1,
	Counts: func(s *ItemScore) []float64 {
		return []float64{float64(s.TP), float64(s.FP), float64(s.FN)}
	}}

// invalidJSON is the share of replies that are not exactly one JSON object.
var invalidJSON = Metric{Name: "invalid_json", Title: "invalid JSON", LowerIsBetter: true,
	Doc:       "share of replies that are not exactly one JSON object",
	Statistic: measure.Average,
	Counts:    func(s *ItemScore) []float64 { return flag(!s.Valid) }}

// ForeignValues is the share of the replies' slot values that do not occur in
// the input, both normalized.
var ForeignValues = Metric{Name: "foreign_values", Title: "values not in input", LowerIsBetter: true,
	Doc:       "share of the replies' slot values that do not occur in the input",
	Statistic: measure.Share,
	Counts:    func(s *ItemScore) []float64 { return []float64{float64(s.Foreign), float64(s.Values)} }}

func scoreSlots(e *data.Example, reply string) (ItemScore, error) {
	gold, ok := e.Gold()
	if !ok {
		return ItemScore{}, errors.New("no intent to compare with, and its reply is not a JSON object that has one")
	}
	s := newScore(e, string(data.AppendReply(nil, gold.Intent, gold.Slots)), reply)
	got, err := data.ParseReply(reply)
	if err != nil {
		s.FN = len(gold.Slots)
		return s, nil
	}
	s.Valid = true
	s.Intent = got.Intent == gold.Intent
	s.TP = common(gold.Slots, got.Slots)
	s.FN = len(gold.Slots) - s.TP
	s.Values = len(got.Slots) + got.Odd
	s.FP = s.Values - s.TP
	s.Exact = s.Intent && s.FP == 0 && s.FN == 0
	s.Foreign = got.Odd
	input := data.Normalize(e.Input())
	for _, slot := range got.Slots {
		if !strings.Contains(input, data.Normalize(slot.Value)) {
			s.Foreign++
		}
	}
	return s, nil
}

// common returns the size of the intersection of two multisets of slots.
func common(a, b []data.Slot) int {
	left := make(map[data.Slot]int, len(a))
	for _, s := range a {
		left[s.Normalized()]++
	}
	n := 0
	for _, s := range b {
		if k := s.Normalized(); left[k] > 0 {
			left[k]--
			n++
		}
	}
	return n
}
