package eval

import (
	"context"
	"fmt"

	"limbeck/data"
	"limbeck/model"
)

// WholeReply asks [Fits] for room for all of an example's own reply.
const WholeReply = 0

// Fits tells whether the context of m has room for the prompt of e and so many tokens
// of a reply: 1 to let m answer, which its context may end. Plain texts fit always:
// they are cut.
func Fits(m *model.Model, e *data.Example, tokens int) (bool, error) {
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

// TooLong returns the positions of the examples that do not fit; see [Fits].
func TooLong(ctx context.Context, m *model.Model, examples []data.Example, tokens int) (long []int, err error) {
	for i := range examples {
		fits, err := Fits(m, &examples[i], tokens)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if !fits {
			long = append(long, i)
		}
	}
	return long, nil
}

// of says which example an error is about.
func of(e *data.Example, err error) error {
	if e.Line == 0 { // it stands in no file
		return fmt.Errorf("example %s: %w", e.ID, err)
	}
	return fmt.Errorf("example %s (line %d): %w", e.ID, e.Line, err)
}
