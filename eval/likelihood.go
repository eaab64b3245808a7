package eval

import (
	"context"
	"errors"
	"fmt"

	"limbeck/data"
	"limbeck/model/generate"
	"limbeck/nn/op"
)

// One batch reads options of at most so many tokens, unless one alone has more,
// and at most so many options: each needs a copy of the prompt's cache.
const (
	likelihoodTokens  = 256
	likelihoodOptions = 32
)

// newLikelihoods returns a likelihood that asks a model: an option's is that of its
// tokens and of the one that ends a reply, after the prompt in the model's template. The
// prompt is read once for all options.
func newLikelihoods(r *generate.Runner) likelihood {
	s := &likelihoods{r: r, ids: map[string][]int{}}
	return s.score
}

type likelihoods struct {
	r      *generate.Runner
	ids    map[string][]int // of options
	room   int
	caches []*op.KV // of the prompt, then one for each sequence of a batch
}

func (s *likelihoods) score(ctx context.Context, prompt []data.Message, options []string) ([]float64, error) {
	ids, err := data.PromptIDs(s.r.Model, &data.Example{Messages: prompt})
	if err != nil {
		return nil, err
	}
	replies := make([][]int, len(options))
	longest := 0
	for i, o := range options {
		if s.ids[o] == nil {
			s.ids[o] = s.r.Model.ReplyIDs(o)
		}
		if replies[i] = s.ids[o]; len(replies[i]) == 0 {
			return nil, fmt.Errorf("option %q has no tokens", o)
		}
		longest = max(longest, len(replies[i]))
	}
	if len(ids) == 0 {
		return nil, errors.New("the prompt is empty")
	}
	if room := s.r.Model.Config().Context; len(ids)+longest > room {
		return nil, fmt.Errorf("prompt and longest option have %d tokens, the context has room for %d", len(ids)+longest, room)
	}
	s.reserve(len(ids) + longest)
	return s.read(ctx, ids, replies)
}

// read returns the log-likelihood of each reply after the prompt. The prompt's
// last token is read with the replies: it predicts their first.
func (s *likelihoods) read(ctx context.Context, prompt []int, replies [][]int) ([]float64, error) {
	last := len(prompt) - 1
	shared := s.cache(0)
	if last > 0 {
		t := s.r.Tape()
		t.Reset()
		b := op.One(prompt[:last], shared)
		b.Rows = []int{} // the cache is all that is wanted
		s.r.Model.Forward(t, b)
	}
	sums := make([]float64, len(replies))
	for lo := 0; lo < len(replies); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		hi, tokens := lo, 0
		for hi < min(len(replies), lo+likelihoodOptions) && (hi == lo || tokens+len(replies[hi]) <= likelihoodTokens) {
			tokens += len(replies[hi])
			hi++
		}
		s.batch(sums[lo:hi], prompt[last], shared, replies[lo:hi])
		lo = hi
	}
	return sums, nil
}

// batch adds up the log-likelihoods of some replies, each in a sequence of its
// own that continues a copy of the prompt's cache.
func (s *likelihoods) batch(sums []float64, first int, prompt *op.KV, replies [][]int) {
	var b op.Batch
	var targets []int
	for i, reply := range replies {
		kv := s.cache(i + 1)
		kv.CopyFrom(prompt, prompt.Len())
		b.IDs = append(append(b.IDs, first), reply[:len(reply)-1]...)
		b.Seqs = append(b.Seqs, op.Seq{Len: len(reply), KV: kv})
		targets = append(targets, reply...)
	}
	t := s.r.Tape()
	t.Reset()
	loss := &tokenLoss{targets: targets, nll: make([]float64, len(targets))}
	s.r.Model.Loss(t, s.r.Model.Forward(t, b), nil, loss)
	row := 0
	for i, reply := range replies {
		for range reply {
			sums[i] -= loss.nll[row]
			row++
		}
	}
}

// reserve sees to it that the caches have room for n tokens.
func (s *likelihoods) reserve(n int) {
	const step = 64 // prompts of about the same length share caches
	if len(s.caches) == 0 || s.caches[0].Capacity() < n {
		for _, kv := range s.caches {
			kv.Release()
		}
		s.caches = s.caches[:0]
		s.room = min((n+step-1)/step*step, s.r.Model.Config().Context)
	}
	for len(s.caches) <= likelihoodOptions {
		s.caches = append(s.caches, s.r.NewKV(s.room)) // which takes no memory yet
	}
}

// cache returns the i-th cache, empty.
func (s *likelihoods) cache(i int) *op.KV {
	s.caches[i].Truncate(0)
	return s.caches[i]
}
