package eval

import (
	"context"
	"slices"

	"limbeck/data"
	"limbeck/model"
)

// WholeReply asks [TooLong] for room for all of an example's own reply.
const WholeReply = 0

// fits tells whether m has room for e, as [TooLong] has it.
func fits(m *model.Model, e *data.Example, tokens int) (bool, error) {
	if e.Kind() == data.Plain {
		return true, nil
	}
	prompt, err := data.PromptIDs(m, e)
	if err != nil {
		return false, of(e, err)
	}
	if reply, ok := e.Reply(); ok && tokens == WholeReply {
		tokens = len(m.ReplyIDs(reply))
	}
	return len(prompt)+max(1, tokens) <= m.Config().Context, nil
}

// TooLong returns the positions of the examples for which the context of m has no room:
// for the prompt and so many tokens of a reply, 1 to let m answer, which its context may
// end. Plain texts fit always: they are cut. each calls its function with the positions
// below n, in any order and at the same time.
func TooLong(m *model.Model, examples []data.Example, tokens int, each func(n int, f func(i int)) error) (long []int, err error) {
	fit, errs := make([]bool, len(examples)), make([]error, len(examples))
	err = each(len(examples), func(i int) { fit[i], errs[i] = fits(m, &examples[i], tokens) })
	if err != nil {
		return nil, err
	}
	for i := range examples {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if !fit[i] {
			long = append(long, i)
		}
	}
	return long, nil
}

// InTurn is an each of [TooLong] that goes from one to the next, and ends with ctx.
func InTurn(ctx context.Context) func(n int, f func(i int)) error {
	return func(n int, f func(i int)) error {
		for i := 0; i < n && ctx.Err() == nil; i++ {
			f(i)
		}
		return ctx.Err()
	}
}

// Without returns the examples but for those of ascending positions.
func Without(examples []data.Example, positions []int) []data.Example {
	var kept []data.Example
	for i := range examples {
		if _, left := slices.BinarySearch(positions, i); !left {
			kept = append(kept, examples[i])
		}
	}
	return kept
}
