package eval

import (
	"context"
	"fmt"
	"math"

	"limbeck/measure"
	"limbeck/model"
	"limbeck/nn/op"
)

// windowTokens is the length of a window of text.
const windowTokens = 512

// A Perplexity is how well a model predicts a text: exp of the mean negative
// logarithm of the probabilities of its tokens.
type Perplexity struct {
	Windows int              `json:"windows"`
	Tokens  int              `json:"tokens"` // scored
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
	rows := make([]int, 0, windowTokens/2)
	for i := windowTokens / 2; i < windowTokens-1; i++ {
		rows = append(rows, i)
	}
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
	return Perplexity{Windows: windows, Tokens: len(all), Value: math.Exp(e.Value), NLL: e}, nil
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
