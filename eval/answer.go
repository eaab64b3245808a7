package eval

import (
	"context"
	"fmt"

	"limbeck/data"
	"limbeck/model/generate"
)

// ReplyTokens bounds a reply to an example: what comes after is cut.
const ReplyTokens = 128

// answerSlots is how many examples are answered in one batch.
const answerSlots = 32

// Answer lets a model reply to every example, greedily. progress, which may be
// nil, is told of examples done and to do.
func Answer(ctx context.Context, r *generate.Runner, examples []data.Example, progress func(done, total int)) ([]generate.Reply, error) {
	requests := make([]generate.Request, len(examples))
	for i := range examples {
		ids, err := data.PromptIDs(r.Model, &examples[i])
		if err != nil {
			return nil, fmt.Errorf("example %s (line %d): %w", examples[i].ID, examples[i].Line, err)
		}
		requests[i] = generate.Request{Prompt: ids, Options: generate.Options{MaxTokens: ReplyTokens}}
	}
	replies := make([]generate.Reply, len(examples))
	done := 0
	err := r.Many(ctx, requests, answerSlots, func(i int, reply *generate.Reply) {
		replies[i] = *reply
		done++
		if progress != nil {
			progress(done, len(examples))
		}
	})
	return replies, err
}

// Texts returns the text of each reply.
func Texts(replies []generate.Reply) []string {
	texts := make([]string, len(replies))
	for i := range replies {
		texts[i] = replies[i].Text
	}
	return texts
}
