package data

import (
	"errors"
	"fmt"

	"limbeck/model"
	"limbeck/model/chat"
	"limbeck/train"
)

// Sequences returns examples as tokens for training m: a conversation as m's
// template renders it, loss on the reply and the token that ends it; plain text
// as it is, with the token that ends a text, loss on all of it, cut in pieces of
// maxTokens, as [TextSequences] does it, which panics below 2. Examples longer than
// maxTokens are left out, and their indices returned.
func Sequences(m *model.Model, examples []Example, maxTokens int) (set []train.Sequence, tooLong []int, err error) {
	for i := range examples {
		e := &examples[i]
		reply, ok := e.Reply()
		if !ok {
			ids := TextIDs(m, e.Text)
			if end := m.Tokenizer.EOS(); end >= 0 {
				ids = append(ids, end)
			}
			set = append(set, TextSequences(ids, maxTokens)...)
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

// TextIDs returns the tokens that m reads of a plain text: a BOS first, if m expects one.
func TextIDs(m *model.Model, text string) []int {
	return m.Tokenizer.EncodeTo(m.Tokenizer.Begin(), text, false)
}

// PromptSequences returns the examples' last prompt messages as tokens for
// training m to write such prompts: each between two tokens that end a text, loss
// on all after the first. Prompts longer than maxTokens are left out, and their
// indices returned.
func PromptSequences(m *model.Model, examples []Example, maxTokens int) (set []train.Sequence, tooLong []int, err error) {
	end := m.Tokenizer.EOS()
	if end < 0 {
		return nil, nil, errors.New("data: the tokenizer has no token that ends a text, which a writer of prompts needs")
	}
	for i := range examples {
		p := examples[i].Prompt()
		if len(p) == 0 {
			return nil, nil, fmt.Errorf("example %s: it is plain text, without a prompt", examples[i].ID)
		}
		ids := append([]int{end}, m.Tokenizer.Encode(p[len(p)-1].Content, false)...)
		ids = append(ids, end)
		if len(ids) > maxTokens {
			tooLong = append(tooLong, i)
			continue
		}
		set = append(set, train.Sequence{IDs: ids, From: 1})
	}
	return set, tooLong, nil
}

// PromptIDs returns the tokens that m is given to answer e.
func PromptIDs(m *model.Model, e *Example) ([]int, error) {
	return m.PromptIDs(Conversation(e.Prompt()))
}

// Conversation returns messages as chat templates take them.
func Conversation(messages []Message) []chat.Message {
	out := make([]chat.Message, len(messages))
	for i, x := range messages {
		out[i] = chat.Message{Role: x.Role, Content: x.Content}
	}
	return out
}

// TextStart is how many of [TextIDs] no model is judged by: the text's first token, which
// nothing foretells, and a BOS before it.
func TextStart(m *model.Model) int { return len(m.Tokenizer.Begin()) + 1 }

// TextSequences cuts the tokens of a plain text into sequences of at most maxTokens
// that predict each token but the first. It panics if maxTokens is below 2, which leaves
// nothing to predict; fewer than two ids are no sequence.
func TextSequences(ids []int, maxTokens int) (set []train.Sequence) {
	if maxTokens < 2 {
		panic("data: a sequence of less than two tokens predicts nothing")
	}
	for len(ids) > 1 {
		n := min(len(ids), maxTokens)
		set = append(set, train.Sequence{IDs: ids[:n], From: 1})
		ids = ids[n-1:] // the piece's last token is the next one's first
	}
	return set
}
