package eval

import (
	"context"
	"errors"

	"limbeck/data"
	"limbeck/model"
	"limbeck/model/generate"
)

// What bounds a reply: the longest of the data, and some more, so that a model that
// goes on where it should end is not cut at the end.
const (
	LeastReply = 128 // tokens that any reply may have
	replyRoom  = 4   // a quarter more than the longest reply
)

// ReplyTokens returns how many tokens of m a reply to one of the examples may
// have: as many as their longest reply, which a shorter bound would make wrong for
// every model, and a quarter more; at least [LeastReply].
func ReplyTokens(m *model.Model, examples []data.Example) int {
	longest := 0
	for i := range examples {
		if reply, ok := examples[i].Reply(); ok {
			longest = max(longest, len(m.ReplyIDs(reply)))
		}
	}
	return max(LeastReply, longest+longest/replyRoom)
}

// AnswerRows is how many examples [Answer] lets a model answer in one batch.
const AnswerRows = 32

// Answer lets a model reply to every example, greedily, held to what its file says
// ([model.Model.Guide]), with at most so many tokens: what comes after is cut. progress,
// which may be nil, is told of examples done and to do.
func Answer(ctx context.Context, r *generate.Runner, examples []data.Example, most int, progress func(done, total int)) ([]generate.Reply, error) {
	requests := make([]generate.Request, len(examples))
	for i := range examples {
		ids, held, err := r.Model.Ask(data.Conversation(examples[i].Prompt()))
		if err != nil {
			return nil, of(&examples[i], err)
		}
		requests[i] = generate.Request{Prompt: ids, Options: generate.Options{MaxTokens: most, Guide: held}}
	}
	replies := make([]generate.Reply, len(examples))
	done := 0
	err := r.Many(ctx, requests, AnswerRows, func(i int, reply *generate.Reply) {
		replies[i] = *reply
		done++
		if progress != nil {
			progress(done, len(examples))
		}
	})
	if failed := new(generate.RequestError); errors.As(err, &failed) {
		err = of(&examples[failed.Request], failed.Err)
	}
	return replies, err
}

// cutOff counts the replies that came to no end.
func cutOff(replies []generate.Reply) int {
	n := 0
	for i := range replies {
		if replies[i].Finish == generate.Length {
			n++
		}
	}
	return n
}

// texts returns the text of each reply.
func texts(replies []generate.Reply) []string {
	texts := make([]string, len(replies))
	for i := range replies {
		texts[i] = replies[i].Text
	}
	return texts
}
