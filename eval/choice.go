package eval

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"limbeck/data"
	"limbeck/measure"
)

// A likelihood returns, for each option, the natural logarithm of the probability
// that a model answers prompt with it: the sum over the option's tokens.
type likelihood func(ctx context.Context, prompt []data.Message, options []string) ([]float64, error)

// ChoiceMetrics are those of the task choice: the share of items on which the right
// option is the likeliest, and the likeliest per character, which does not favor short
// options. They are named after lm-evaluation-harness' acc and acc_norm, whose
// likelihoods leave out the token that ends the reply: ours count it, so that
// an option is not likely because a longer one begins with it. Of equally likely
// options the first counts.
var ChoiceMetrics = []Metric{
	{Name: "acc", Title: "accuracy", Doc: "share of examples whose right reply is the likeliest of all",
		Statistic: measure.Average,
		Counts:    func(s *ItemScore) []float64 { return flag(s.Exact) }},
	{Name: "acc_norm", Title: "accuracy by length", Doc: "the same by likelihood per character, which does not favor short replies",
		Statistic: measure.Average,
		Counts:    func(s *ItemScore) []float64 { return flag(s.ByLength) }},
}

// choices returns the replies of examples, sorted: what the task choice lets a model
// choose from. Of those that [data.Normalize] writes alike, the most frequent spelling
// stands for all, and of equally frequent ones the first.
func choices(examples []data.Example) []string {
	count := map[string]int{}
	for i := range examples {
		if r, ok := examples[i].Reply(); ok {
			count[r]++
		}
	}
	spelled := map[string]string{}
	for _, r := range slices.Sorted(maps.Keys(count)) {
		key := data.Normalize(r)
		if best, ok := spelled[key]; !ok || count[r] > count[best] {
			spelled[key] = r
		}
	}
	return slices.Sorted(maps.Values(spelled))
}

// judgeChoices lets a model choose one of options for each example and judges the
// choice.
func judgeChoices(ctx context.Context, examples []data.Example, options []string, score likelihood) (Result, error) {
	if len(options) < 2 {
		return Result{}, fmt.Errorf("eval: task choice: %d options, want at least 2", len(options))
	}
	items := make([]ItemScore, len(examples))
	for i := range examples {
		var err error
		if items[i], err = choose(ctx, &examples[i], options, score); err != nil {
			return Result{}, fmt.Errorf("eval: task choice: %w", of(&examples[i], err))
		}
	}
	return newResult("choice", ChoiceMetrics, examples, items), nil
}

func choose(ctx context.Context, e *data.Example, options []string, score likelihood) (ItemScore, error) {
	gold, ok := e.Reply()
	if !ok {
		return ItemScore{}, errors.New("no reply to compare with")
	}
	right := slices.Index(options, gold)
	if right < 0 {
		right = slices.IndexFunc(options, func(o string) bool { return data.Normalize(o) == data.Normalize(gold) })
	}
	if right < 0 {
		return ItemScore{}, fmt.Errorf("its reply %q is not among the %d options", gold, len(options))
	}
	likelihoods, err := score(ctx, e.Prompt(), options)
	if err != nil {
		return ItemScore{}, err
	}
	if len(likelihoods) != len(options) {
		return ItemScore{}, fmt.Errorf("%d likelihoods, want %d", len(likelihoods), len(options))
	}
	best, bestByLength := -1, -1
	perCharacter := func(i int) float64 { return likelihoods[i] / float64(max(1, utf8.RuneCountInString(options[i]))) }
	for i, l := range likelihoods {
		if math.IsNaN(l) {
			return ItemScore{}, fmt.Errorf("the likelihood of option %q is not a number", options[i])
		}
		if best < 0 || l > likelihoods[best] {
			best = i
		}
		if bestByLength < 0 || perCharacter(i) > perCharacter(bestByLength) {
			bestByLength = i
		}
	}
	s := newScore(e, gold, options[best])
	s.Exact, s.ByLength = best == right, bestByLength == right
	return s, nil
}
