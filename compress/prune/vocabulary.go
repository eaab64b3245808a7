package prune

import (
	"fmt"

	"limbeck/model/token"
)

// Tokens returns the vocabulary of at most size tokens that is left of spec,
// and the old ids of its tokens, ascending. All tokens that count counts stay,
// with those that their merges pass through, all bytes and all special tokens;
// room that is left goes to the tokens of lowest id, the most frequent ones of
// the data that the tokenizer was made from. It is an error if size is too
// small for the tokens that must stay.
func Tokens(spec token.Spec, count []int, size int) (token.Spec, []int, error) {
	used := func(id int) bool { return count[id] > 0 }
	_, ids, err := spec.Prune(used)
	if err != nil {
		return token.Spec{}, nil, err
	}
	if len(ids) > size {
		return token.Spec{}, nil, fmt.Errorf("prune: a vocabulary of %d is too small: the data, the bytes and the special tokens need %d", size, len(ids))
	}
	// A token of lower id never needs a merge through one of higher id, so the
	// lowest ids that fit are closed; find how many by bisection.
	lo, hi := 0, len(count)
	for lo < hi {
		mid := (lo + hi + 1) / 2
		_, more, err := spec.Prune(func(id int) bool { return used(id) || id < mid })
		if err != nil {
			return token.Spec{}, nil, err
		}
		if len(more) <= size {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return spec.Prune(func(id int) bool { return used(id) || id < lo })
}
