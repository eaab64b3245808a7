package steps

import (
	"fmt"
	"slices"

	"limbeck/data"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/train"
)

// lengths are how long examples are.
type lengths struct {
	learned []int // in tokens; nil of texts, which are cut
	held    []heldExample
}

// A heldExample is one that is held out: what a validation predicts of it, and its
// tokens, 0 of a text, which is cut.
type heldExample struct {
	work
	length int
}

// validating returns the examples by which a training is validated, those that are too
// long for it among them.
func (l lengths) validating(t *recipe.Train) []heldExample {
	return l.held[:validating(t, len(l.held))]
}

// validation returns what one validation of a training predicts.
func (l lengths) validation(t *recipe.Train) (w work) {
	for _, h := range l.validating(t) {
		if h.length <= int(t.MaxTokens) {
			w = w.and(h.work)
		}
	}
	return w
}

// longest returns the tokens that a training predicts of its longest example, or piece
// of a text.
func (l lengths) longest(t *recipe.Train) int {
	if l.learned == nil {
		return int(t.MaxTokens) - 1
	}
	longest := 1
	for _, tokens := range l.learned {
		if tokens <= int(t.MaxTokens) {
			longest = max(longest, tokens)
		}
	}
	return longest - 1
}

// leftOut warns of examples that are too long for a training, by the settings of a
// key. It is an error if none is left of what it needs. Those that the recipe makes of
// others are not there yet, which is said.
func (l lengths) leftOut(r *recipe.Recipe, key string, t *recipe.Train) (warnings []run.Warning, err error) {
	var held []int
	for _, h := range l.validating(t) {
		held = append(held, h.length)
	}
	for _, part := range []struct {
		of   []int
		what string
	}{{l.learned, trainingExample}, {held, validationExample}} {
		n := 0
		for _, tokens := range part.of {
			if tokens > int(t.MaxTokens) {
				n++
			}
		}
		if n > 0 {
			w := run.Warning{Text: leftOut(boundOf(r, key), n, len(part.of), part.what, t)}
			if part.what == trainingExample && makesMore(r, key) {
				w.More = "; those that are yet to be made are not counted"
			}
			warnings = append(warnings, w)
		}
		if n > 0 && n == len(part.of) && (part.what == trainingExample || len(t.LR) > 1) {
			return nil, r.Problem(key+".max_tokens", fmt.Sprintf("leaves none of %s, which the training needs", typeset.Counted(n, part.what)),
				fmt.Sprintf("at least %d, and batch_tokens as many", slices.Min(part.of)))
		}
	}
	return warnings, nil
}

// sequences returns the examples to learn as m cuts them into tokens, and the lengths
// of these and of those that are held out.
func sequences(m *model.Model, rest, held []data.Example) (set []train.Sequence, l lengths, err error) {
	if set, _, err = data.Sequences(m, rest, unbounded); err != nil {
		return nil, l, err
	}
	if plain(rest) && plain(held) { // alike, and long to cut
		each := perByte(set, rest)
		for _, e := range held {
			tokens := each * float64(len(e.Text))
			l.held = append(l.held, heldExample{work: work{tokens, tokens}})
		}
		return set, l, nil
	}
	if !plain(rest) {
		for _, s := range set {
			l.learned = append(l.learned, len(s.IDs))
		}
	}
	for i := range held { // one by one, as a text may be several sequences, or none
		one, _, err := data.Sequences(m, held[i:i+1], unbounded)
		if err != nil {
			return nil, l, err
		}
		var h heldExample
		for _, s := range one {
			h.work = h.and(work{float64(len(s.IDs) - 1), float64(s.Targets())})
			if !plain(held) {
				h.length = len(s.IDs)
			}
		}
		l.held = append(l.held, h)
	}
	return set, l, nil
}

// perByte returns how many tokens a byte of plain texts has, which were cut into set; 0
// of other examples.
func perByte(set []train.Sequence, texts []data.Example) float64 {
	tokens := 0
	for _, s := range set {
		tokens += len(s.IDs) - 1
	}
	if bytes := textBytes(texts); bytes > 0 {
		return float64(tokens) / float64(bytes)
	}
	return 0
}

// unbounded is more tokens than an example has.
const unbounded = 1 << 20
