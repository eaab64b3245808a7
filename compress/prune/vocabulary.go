package prune

import (
	"cmp"
	"fmt"
	"slices"

	"limbeck/model/token"
)

// Tokens returns the vocabulary of at most size tokens that is left of spec,
// and the old ids of its tokens, ascending. All bytes and special tokens stay,
// with the tokens that merges of kept ones pass through. Then the tokens that
// the data uses, those that count counts most first; then those of lowest id,
// the most frequent ones of the data that the tokenizer was made from. It is
// a [ShapeError] if size is too small for bytes and special tokens, or more than
// spec has.
func Tokens(spec token.Spec, count []int, size int) (token.Spec, []int, error) {
	if err := enough(spec, size); err != nil {
		return token.Spec{}, nil, err
	}
	order := make([]int, len(count))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(count[b], count[a]) })
	rank := make([]int, len(count))
	for r, id := range order {
		rank[id] = r
	}
	// The more of the order is kept, the more tokens there are: find by
	// bisection how much of it fits.
	lo, hi := 0, len(count)
	for lo < hi {
		mid := (lo + hi + 1) / 2
		_, ids, err := spec.Prune(func(id int) bool { return rank[id] < mid })
		if err != nil {
			return token.Spec{}, nil, err
		}
		if len(ids) <= size {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return spec.Prune(func(id int) bool { return rank[id] < lo })
}

// enough checks that a vocabulary of so many tokens holds what stays of spec in
// any case, and no more than all of it.
func enough(spec token.Spec, size int) error {
	_, least, err := spec.Prune(func(int) bool { return false })
	if err != nil {
		return err
	}
	allowed := fmt.Sprintf("%d to %d", len(least), len(spec.Tokens))
	switch {
	case size > len(spec.Tokens):
		return &ShapeError{"vocab", fmt.Sprintf("cannot be %d: the model has %d", size, len(spec.Tokens)), allowed}
	case size < len(least):
		return &ShapeError{"vocab", fmt.Sprintf("%d tokens are too few: the bytes and the special tokens need %d", size, len(least)), allowed}
	}
	return nil
}
