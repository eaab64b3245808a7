package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/report"
	"limbeck/internal/disk"
	"limbeck/internal/typeset"
	"limbeck/model"
)

// TooLong returns the positions of the examples that are longer than m's context, so
// that a comparison as o asks leaves them out.
func TooLong(m *model.Model, examples []data.Example, o Options) ([]int, error) {
	c := &comparison{Options: o, examples: examples}
	if err := c.chooseMetrics(); err != nil {
		return nil, err
	}
	return eval.TooLong(m, examples, c.written(), eval.InTurn(context.Background()))
}

// written is how many tokens of a reply there must be room for: all of it where its
// loss is wanted.
func (c *comparison) written() int {
	if c.losses() {
		return eval.WholeReply
	}
	return 1
}

// leaveOut drops the examples that are too long for any of the models, which are all
// judged by the same, and notes it.
func (c *comparison) leaveOut(ctx context.Context) error {
	var long []int
	var short []string
	for _, r := range c.rows {
		found, err := c.longFor(ctx, r)
		if err != nil {
			return fmt.Errorf("compare: %s: %w", r.Name, err)
		}
		long = append(long, found...)
		if len(found) > 0 {
			short = append(short, r.Name)
		}
	}
	if len(long) == 0 {
		return nil
	}
	slices.Sort(long)
	kept, first := eval.Without(c.examples, long), c.examples[long[0]].ID
	if len(kept) == 0 {
		return errors.New("compare: no example fits in the context of all models")
	}
	c.Notes = append(c.Notes, report.Note{Title: "Left out", Text: fmt.Sprintf("%d of %s are longer than the context of %s, the first is %s: no model is judged by them.",
		len(c.examples)-len(kept), typeset.Counted(len(c.examples), "example"), strings.Join(short, ", "), first)})
	c.examples = kept
	return nil
}

// longFor finds the examples that are too long for a model, or what was found.
func (c *comparison) longFor(ctx context.Context, r *row) (long []int, err error) {
	if r.Digest == "" {
		if r.Digest, err = disk.Digest(r.Ref, nil); err != nil {
			return nil, err
		}
	}
	key := c.key("long", r.Digest, fmt.Sprint(c.losses()))
	if c.recall(key, &long) {
		return long, nil
	}
	m, err := c.Look(r.Ref)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	long, err = eval.TooLong(m, c.examples, c.written(), func(n int, f func(i int)) error {
		return c.each(ctx, r.Name+" counts tokens", n, f)
	})
	if err != nil {
		return nil, err
	}
	return long, c.keep(key, long)
}
