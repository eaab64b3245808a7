package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"limbeck/data"
	"limbeck/measure"
	"limbeck/model"
	"limbeck/nn/op"
	"limbeck/train"
)

// windowTokens is the length of a window of text.
const windowTokens = 512

// A Perplexity is how well a model predicts a text: exp of the mean negative
// logarithm of the probabilities of its tokens.
type Perplexity struct {
	Windows int              `json:"windows,omitempty"`         // of a text
	N       int              `json:"n"`                         // tokens scored
	Data    string           `json:"data_sha256,omitempty"`     // of the file, if the caller says
	Digest  string           `json:"examples_sha256,omitempty"` // of examples; see [data.Digest]
	TooLong int              `json:"too_long,omitempty"`        // left out, if told; see [TooLong]
	SE      float64          `json:"se,omitempty"`              // standard error; 0: unknown
	Value   float64          `json:"perplexity"`
	NLL     measure.Estimate `json:"negative_log_likelihood"` // a token, in nats; error by token
}

// measurePerplexity follows the protocol of llama.cpp's llama-perplexity: the
// text is cut in windows of 512 tokens that do not overlap; in each the model
// starts anew, and the 255 tokens after the first 257 are scored. limit bounds
// the number of windows; 0: all that are full. A context that is shorter than a
// window is an error. A model that wants a BOS token has it in the first place of
// every window.
func measurePerplexity(ctx context.Context, m *model.Model, t *op.Tape, text string, limit int, progress func(done, total int)) (Perplexity, error) {
	if room := m.Config().Context; room < windowTokens {
		return Perplexity{}, fmt.Errorf("eval: perplexity: a text is measured in windows of %d tokens, but the model was made for at most %d; "+
			"examples, a JSON line {\"text\": \"…\"} each, are cut to that", windowTokens, room)
	}
	ids := data.TextIDs(m, text)
	windows := len(ids) / windowTokens
	if limit > 0 {
		windows = min(windows, limit)
	}
	if windows == 0 {
		return Perplexity{}, fmt.Errorf("eval: perplexity: the text has %d tokens, one window needs %d", len(ids), windowTokens)
	}
	var all []float64
	rows := span(windowTokens/2, windowTokens/2-1)
	for w := range windows {
		if err := ctx.Err(); err != nil {
			return Perplexity{}, err
		}
		window := append([]int(nil), ids[w*windowTokens:(w+1)*windowTokens]...)
		loss := &tokenLoss{targets: window[windowTokens/2+1:], nll: make([]float64, len(rows))}
		copy(window, m.Tokenizer.Begin())
		t.Reset()
		b := op.One(window, nil)
		b.Rows = rows
		m.Loss(t, m.Forward(t, b), nil, loss)
		all = append(all, loss.nll...)
		if progress != nil {
			progress(w+1, windows)
		}
	}
	p := Perplexity{Windows: windows, N: len(all), NLL: measure.Mean(all)}
	return p, p.raise()
}

// raise sets the perplexity of the negative log-likelihood. Where the model's logits
// are no numbers, or far from the text, there is none.
func (p *Perplexity) raise() error {
	p.Value = math.Exp(p.NLL.Value)
	if se := p.NLL.Known().SE; se != nil {
		p.SE = p.Value * *se
	}
	if p.Value-p.Value != 0 || math.IsInf(p.SE, 0) {
		return fmt.Errorf("eval: perplexity: a token's negative log-likelihood is %.3g ± %.3g, want numbers whose exponential is finite: "+
			"the model is damaged or badly trained", p.NLL.Value, p.NLL.SE)
	}
	return nil
}

// measureReplies measures how well a model predicts the replies of examples, each
// with the token that ends it, or the texts of plain ones. An example that is
// longer than the model's context is an error. The error of the figure is by
// example, or piece of a text: tokens of one reply depend on each other. So do
// pieces of one text, which that does not count.
func measureReplies(ctx context.Context, m *model.Model, t *op.Tape, examples []data.Example, progress func(done, total int)) (Perplexity, error) {
	sums, err := ReplyLosses(ctx, m, t, examples, progress)
	if err != nil {
		return Perplexity{}, err
	}
	tokens := 0
	for i := 1; i < len(sums); i += 2 {
		tokens += int(sums[i])
	}
	p := Perplexity{N: tokens, Digest: data.Digest(examples), NLL: measure.Share.Estimate(sums)}
	return p, p.raise()
}

// ReplyLosses returns two numbers for each reply, or piece of a plain text as
// [data.CutTexts] makes them: its negative log-likelihood in nats, and its tokens, but
// for the first of a piece. The token that ends a reply is one of them. An example that
// is longer than the model's context is an error.
func ReplyLosses(ctx context.Context, m *model.Model, t *op.Tape, examples []data.Example, progress func(done, total int)) ([]float64, error) {
	items, err := lossItems(m, data.CutTexts(examples))
	if err != nil {
		return nil, fmt.Errorf("eval: perplexity: %w", err)
	}
	sums := make([]float64, 0, 2*len(items))
	for i, item := range items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sum, tokens := 0.0, 0
		for _, s := range item {
			loss := &tokenLoss{targets: s.IDs[s.From:], nll: make([]float64, len(s.IDs)-s.From)}
			t.Reset()
			b := op.One(s.IDs[:len(s.IDs)-1], nil)
			b.Rows = span(s.From-1, len(loss.nll))
			m.Loss(t, m.Forward(t, b), nil, loss)
			for _, l := range loss.nll {
				sum += l
			}
			tokens += len(loss.nll)
		}
		sums = append(sums, sum, float64(tokens))
		if progress != nil {
			progress(i+1, len(items))
		}
	}
	return sums, nil
}

// lossItems returns what m reads of each example: its reply with the prompt before,
// or all of a plain text, in pieces if the context is short.
func lossItems(m *model.Model, examples []data.Example) ([][]train.Sequence, error) {
	most, tokens, tooLong := m.Config().Context, 0, []int(nil)
	items := make([][]train.Sequence, len(examples))
	for i := range examples {
		e := &examples[i]
		if e.Kind() == data.Plain {
			if ids, start := data.TextIDs(m, e.Text), data.TextStart(m); len(ids) > start {
				items[i] = data.TextSequences(ids, most)
				items[i][0].From = start
			}
		} else {
			set, long, err := data.Sequences(m, examples[i:i+1], most)
			if err != nil {
				return nil, err
			}
			if len(long) > 0 {
				tooLong = append(tooLong, i)
			}
			items[i] = set
		}
		for _, s := range items[i] {
			if s.From < 1 {
				return nil, of(e, errors.New("the prompt is empty"))
			}
			tokens += len(s.IDs) - s.From
		}
	}
	switch {
	case len(tooLong) > 0:
		return nil, of(&examples[tooLong[0]], fmt.Errorf("it is longer than the context of %d tokens, as are %d of %d examples", most, len(tooLong), len(examples)))
	case tokens == 0:
		return nil, errors.New("no tokens to score")
	}
	return items, nil
}

// span returns n numbers from first on.
func span(first, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = first + i
	}
	return out
}

// tokenLoss keeps the negative log-likelihood of each row's target.
type tokenLoss struct {
	targets []int
	nll     []float64
}

// Loss implements [op.RowLoss].
func (l *tokenLoss) Loss(row int, logits, _ []float32) float64 {
	one := op.CrossEntropy{Targets: l.targets, Weight: 1}
	l.nll[row] = one.Loss(row, logits, nil)
	return l.nll[row]
}
