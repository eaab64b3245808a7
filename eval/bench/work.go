package bench

import (
	"fmt"
	"slices"

	"limbeck/internal/typeset"
)

// A Work is one thing to time.
type Work struct {
	Kind   Kind `json:"kind"`
	Tokens int  `json:"tokens"` // of the prompt, or before the tokens that are written
	Batch  int  `json:"batch"`  // sequences at once
	Write  int  `json:"write"`  // tokens of each sequence
}

// A Kind says what the rate of a work counts.
type Kind string

// The kinds.
const (
	Prompt   Kind = "prompt"   // tokens read a second
	Decode   Kind = "decode"   // tokens written a second, by all sequences together
	Requests Kind = "requests" // tokens written a second by requests at once, prompts included
)

// String names the work in a table.
func (w Work) String() string {
	switch {
	case w.Kind == Prompt:
		return fmt.Sprintf("prompt of %s", typeset.Number(w.Tokens))
	case w.Kind == Requests:
		return fmt.Sprintf("%d requests, %d in, %d out", w.Batch, w.Tokens, w.Write)
	case w.Batch > 1:
		return fmt.Sprintf("decode, %d at once", w.Batch)
	}
	return fmt.Sprintf("decode after %s", typeset.Number(w.after()))
}

// after returns how many tokens stand before the first that is written, the
// one apart that every sequence begins with.
func (w Work) after() int {
	if w.Tokens == 1 {
		return 0
	}
	return w.Tokens
}

const (
	writeTokens   = 32  // of a decode, at least; it is repeated until it took a while
	batchPrompt   = 16  // tokens in the cache of each of several sequences
	requestPrompt = 128 // of requests that come at once
	requestTokens = 64
)

// Works lists what to time: prompts of these lengths; tokens after so many
// others; and, where a batch has more than one sequence, decoding it, and for
// the largest, requests with their prompts. What a context has no room for is in
// tooLong instead. The sequences of a batch begin together: one pass, of at most
// chunk tokens, reads their prompts. Of models that are compared it is the least, lest
// one has other works than another.
func Works(context, chunk int, lengths, depths, batches []int) (works, tooLong []Work) {
	add := func(w Work) {
		to := &works
		if w.Tokens+w.Write > context {
			to = &tooLong
		}
		if !slices.Contains(*to, w) {
			*to = append(*to, w)
		}
	}
	for _, n := range lengths {
		add(Work{Prompt, n, 1, 1})
	}
	for _, n := range depths {
		add(Work{Decode, max(1, n), 1, writeTokens})
	}
	most := 1
	for _, n := range batches {
		if most = max(most, n); n > 1 {
			add(Work{Decode, max(1, min(batchPrompt, chunk/n)), n, writeTokens})
		}
	}
	if most > 1 {
		add(Work{Requests, requestPrompt, most, requestTokens})
	}
	return works, tooLong
}
