package model

import (
	"errors"
	"fmt"

	"limbeck/model/chat"
)

// Prompt returns a conversation up to where the model is to answer, as its
// template renders it.
func (m *Model) Prompt(messages []chat.Message) (string, error) {
	if m.Template == nil {
		return "", errors.New("the model has no chat template: give it plain text, or a template")
	}
	t := m.Tokenizer
	text, err := m.Template.Render(chat.Input{
		Messages: messages, AddGenerationPrompt: true,
		BOS: string(t.Piece(t.BOS())), EOS: string(t.Piece(t.EOS())), UNK: string(t.Piece(t.UNK())), PAD: string(t.Piece(t.PAD())),
	})
	if err != nil && m.path != "" {
		err = fmt.Errorf("%s: %w", m.path, err)
	}
	return text, err
}

// OmitsSystem reports whether the chat template leaves out system messages: whether
// prompts that differ in theirs alone are the same. A template that refuses them
// omits none.
func (m *Model) OmitsSystem() bool {
	var prompts [2]string
	for i, system := range []string{"a", "b"} {
		var err error
		if prompts[i], err = m.Prompt([]chat.Message{{Role: "system", Content: system}, {Role: "user", Content: "?"}}); err != nil {
			return false
		}
	}
	return prompts[0] == prompts[1]
}

// PromptIDs returns the tokens of [Model.Prompt].
func (m *Model) PromptIDs(messages []chat.Message) ([]int, error) {
	text, err := m.Prompt(messages)
	if err != nil {
		return nil, err
	}
	return m.Tokenizer.Encode(text, true), nil
}

// ReplyIDs returns the tokens of a whole reply, with the one that ends it.
func (m *Model) ReplyIDs(reply string) []int {
	ids := m.Tokenizer.Encode(reply, false)
	if end := m.Tokenizer.EOS(); end >= 0 {
		ids = append(ids, end)
	}
	return ids
}
