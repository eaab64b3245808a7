package data

import (
	"fmt"

	"limbeck/model"
	"limbeck/model/chat"
	"limbeck/train"
)

// Sequences returns examples as tokens for training m: a conversation as m's
// template renders it, loss on the reply and the token that ends it; plain text
// as it is, loss on all of it, cut in pieces of maxTokens. Examples longer than
// maxTokens are left out, and their indices returned.
func Sequences(m *model.Model, examples []Example, maxTokens int) (set []train.Sequence, tooLong []int, err error) {
	for i := range examples {
		e := &examples[i]
		reply, ok := e.Reply()
		if !ok {
			set = append(set, textSequences(m, e.Text, maxTokens)...)
			continue
		}
		prompt, err := PromptIDs(m, e)
		if err != nil {
			return nil, nil, fmt.Errorf("example %s: %w", e.ID, err)
		}
		ids := append(prompt, m.ReplyIDs(reply)...)
		if len(ids) > maxTokens {
			tooLong = append(tooLong, i)
			continue
		}
		set = append(set, train.Sequence{IDs: ids, From: len(prompt)})
	}
	return set, tooLong, nil
}

// PromptIDs returns the tokens that m is given to answer e.
func PromptIDs(m *model.Model, e *Example) ([]int, error) {
	var messages []chat.Message
	for _, x := range e.Prompt() {
		messages = append(messages, chat.Message{Role: x.Role, Content: x.Content})
	}
	return m.PromptIDs(messages)
}

func textSequences(m *model.Model, text string, maxTokens int) []train.Sequence {
	ids := m.Tokenizer.Encode(text, false)
	if end := m.Tokenizer.EOS(); end >= 0 {
		ids = append(ids, end)
	}
	var set []train.Sequence
	for len(ids) > 1 {
		n := min(len(ids), maxTokens)
		set = append(set, train.Sequence{IDs: ids[:n], From: 1})
		ids = ids[n-1:] // the piece's last token is the next one's first
	}
	return set
}
