package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"limbeck/model/chat"
	"limbeck/model/token"
)

// undated is the time of prompts that must be the same on any day: the date that the
// templates of Llama 3.1 and 3.2 name where they are told none, at midnight.
var undated = time.Date(2024, time.July, 26, 0, 0, 0, 0, time.UTC)

// Prompt returns a conversation up to where the model is to answer, as its
// template renders it.
func (m *Model) Prompt(messages []chat.Message) (string, error) {
	if m.templateSource == "" {
		return "", errors.New("the model has no chat template: give it plain text, or a template")
	}
	text, err := "", m.Unread
	if err == nil {
		now := undated
		if m.Clock != nil {
			now = m.Clock()
		}
		text, err = render(m.Template, m.Tokenizer, messages, true, now)
	}
	if err != nil && m.path != "" {
		err = fmt.Errorf("%s: %w", m.path, err)
	}
	return text, err
}

// render returns a conversation, up to where it goes on or the model is to answer.
func render(template *chat.Template, t *token.Tokenizer, messages []chat.Message, answer bool, now time.Time) (string, error) {
	return template.Render(chat.Input{
		Messages: messages, AddGenerationPrompt: answer, Now: now,
		BOS: string(t.Piece(t.BOS())), EOS: string(t.Piece(t.EOS())), UNK: string(t.Piece(t.UNK())), PAD: string(t.Piece(t.PAD())),
	})
}

// OmitsSystem reports whether the chat template leaves out system messages: whether
// prompts that differ in theirs alone are the same. A template that refuses them
// omits none.
func (m *Model) OmitsSystem() bool {
	var prompts [2]string
	undated := *m // the clock may go on between the two
	undated.Clock = nil
	for i, system := range []string{"a", "b"} {
		var err error
		if prompts[i], err = undated.Prompt([]chat.Message{{Role: "system", Content: system}, {Role: "user", Content: "?"}}); err != nil {
			return false
		}
	}
	return prompts[0] == prompts[1]
}

// PromptIDs returns the tokens of [Model.Prompt]. A control token that a message spells
// out is one, as in training.
func (m *Model) PromptIDs(messages []chat.Message) ([]int, error) {
	text, err := m.Prompt(messages)
	if err != nil {
		return nil, err
	}
	return m.Tokenizer.Encode(text, true), nil
}

// ReplyIDs returns the tokens of a whole reply, with the one that ends it: what the
// template writes behind a reply, if that ends one, or else the end of a text. Chat
// models are often published with the base model's.
func (m *Model) ReplyIDs(reply string) []int {
	ids := m.Tokenizer.Encode(reply, false)
	end := -1
	if m.Template != nil && m.turnEnd != nil {
		end = m.turnEnd()
	}
	if end < 0 {
		end = m.Tokenizer.EOS()
	}
	if end >= 0 {
		ids = append(ids, end)
	}
	return ids
}

// turnEnd returns the token of those that end a reply which a template writes right
// behind one, but for white space; -1 if there is none.
func turnEnd(template *chat.Template, t *token.Tokenizer) int {
	const reply = "a-reply-to-find"
	text, err := render(template, t, []chat.Message{{Role: "user", Content: "?"}, {Role: "assistant", Content: reply}}, false, undated)
	i := strings.LastIndex(text, reply)
	if err != nil || i < 0 {
		return -1
	}
	next := t.Encode(strings.TrimSpace(text[i+len(reply):]), true)
	if len(next) == 0 || !slices.Contains(t.Stops(), next[0]) {
		return -1
	}
	return next[0]
}
