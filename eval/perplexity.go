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
)

// windowTokens is the length of a window of text.
const windowTokens = 512

// A Perplexity is how well a model predicts a text: exp of the mean negative
// logarithm of the probabilities of its tokens.
type Perplexity struct {
	Windows int              `json:"windows,omitempty"`         // of a text
	N       int              `json:"n"`                         // tokens scored
	Data    string           `json:"data_sha256,omitempty"`     // of the file, if the caller says
	Digest  string           `json:"examples_sha256,omitempty"` // of the examples, see [data.Digest]; not of a text
	SE      float64          `json:"se"`                        // standard error
	Value   float64          `json:"perplexity"`
	NLL     measure.Estimate `json:"negative_log_likelihood"` // a token, in nats; its error by token
}

// MeasurePerplexity follows the protocol of llama.cpp's llama-perplexity: the
// text is cut in windows of 512 tokens that do not overlap; in each the model
// starts anew, and the 255 tokens after the first 257 are scored. limit bounds
// the number of windows; 0: all that are full. A model that wants a BOS token
// has it in the first place of every window.
func MeasurePerplexity(ctx context.Context, m *model.Model, t *op.Tape, text string, limit int, progress func(done, total int)) (Perplexity, error) {
	ids := m.Tokenizer.Encode(text, false)
	if m.Tokenizer.AddBOS() {
		ids = append([]int{m.Tokenizer.BOS()}, ids...)
	}
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
		if m.Tokenizer.AddBOS() {
			window[0] = m.Tokenizer.BOS()
		}
		t.Reset()
		m.Loss(t, m.Forward(t, op.One(window, nil)), rows, loss)
		all = append(all, loss.nll...)
		if progress != nil {
			progress(w+1, windows)
		}
	}
	e := measure.Mean(all)
	return Perplexity{Windows: windows, N: len(all), Value: math.Exp(e.Value), SE: math.Exp(e.Value) * e.SE, NLL: e}, nil
}

// MeasureReplies measures how well a model predicts the replies of examples, each
// with the token that ends it, or the texts of plain ones. An example that is
// longer than the model's context is an error. The error of the figure is by
// example: tokens of one reply depend on each other.
func MeasureReplies(ctx context.Context, m *model.Model, t *op.Tape, examples []data.Example, progress func(done, total int)) (Perplexity, error) {
	sums, err := ReplyLosses(ctx, m, t, examples, progress)
	if err != nil {
		return Perplexity{}, err
	}
	tokens := 0
	for i := 1; i < len(sums); i += 2 {
		tokens += int(sums[i])
	}
	e := measure.Share.Estimate(sums)
	value := math.Exp(e.Value)
	return Perplexity{N: tokens, Digest: data.Digest(examples), Value: value, SE: value * e.SE, NLL: e}, nil
}

// ReplyLosses returns two numbers for each reply, or piece of a plain text: its
// negative log-likelihood in nats, and its tokens. See [MeasureReplies].
func ReplyLosses(ctx context.Context, m *model.Model, t *op.Tape, examples []data.Example, progress func(done, total int)) ([]float64, error) {
	set, tooLong, err := data.Sequences(m, examples, m.Config().Context)
	if err != nil {
		return nil, fmt.Errorf("eval: perplexity: %w", err)
	}
	if len(tooLong) > 0 {
		e := &examples[tooLong[0]]
		return nil, fmt.Errorf("eval: perplexity: %d of %d examples are longer than the context of %d tokens, the first is %s (line %d)",
			len(tooLong), len(examples), m.Config().Context, e.ID, e.Line)
	}
	if len(set) == 0 {
		return nil, errors.New("eval: perplexity: no tokens to score")
	}
	sums := make([]float64, 0, 2*len(set))
	for i, s := range set {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s.From < 1 {
			return nil, fmt.Errorf("eval: perplexity: example %d has an empty prompt", i+1)
		}
		loss := &tokenLoss{targets: s.IDs[s.From:], nll: make([]float64, len(s.IDs)-s.From)}
		t.Reset()
		m.Loss(t, m.Forward(t, op.One(s.IDs[:len(s.IDs)-1], nil)), span(s.From-1, len(loss.nll)), loss)
		var sum float64
		for _, l := range loss.nll {
			sum += l
		}
		sums = append(sums, sum, float64(len(loss.nll)))
		if progress != nil {
			progress(i+1, len(set))
		}
	}
	return sums, nil
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
