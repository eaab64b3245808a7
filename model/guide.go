package model

import (
	"strings"

	"limbeck/model/chat"
	"limbeck/model/guide"
)

// Extractive is what a file says under [RepliesKey] if its model learned replies that
// are an intent and slots, with values that are pieces of the prompt.
const Extractive = "extractive"

// ExtractiveReplies says for people what replies are that [Extractive] stands for.
const ExtractiveReplies = "an intent and slots, with values that are pieces of the prompt"

// Replies returns what the model's replies are held to: [Extractive], or "" for nothing.
func (m *Model) Replies() string { return m.Meta.String(RepliesKey, "") }

// SetExtractive says that the model's replies are held to the form of [guide.Extractive],
// or to none.
func (m *Model) SetExtractive(yes bool) {
	if yes {
		m.Meta.Set(RepliesKey, Extractive)
	} else {
		m.Meta.Delete(RepliesKey)
	}
}

// guidedBytes is how long messages may be whose replies are held to anything: to look for a
// value takes as long as the messages are.
const guidedBytes = 1 << 16

// Ask returns [Model.PromptIDs] and [Model.Guide] of messages: all that a reply to them
// starts from.
func (m *Model) Ask(messages []chat.Message) (prompt []int, held guide.Guide, err error) {
	prompt, err = m.PromptIDs(messages)
	return prompt, m.Guide(messages), err
}

// Guide returns what holds a reply to messages to the form that the model learned; nil if
// its file names none, or if they are longer than 64 kB. The prompt is all of their texts, a
// line each, as data.Example.Input has it.
func (m *Model) Guide(messages []chat.Message) guide.Guide {
	size := 0
	for i := range messages {
		size += len(messages[i].Content)
	}
	if m.Replies() != Extractive || size > guidedBytes {
		return nil
	}
	said := make([]string, len(messages))
	for i := range messages {
		said[i] = messages[i].Content
	}
	return guide.NewExtractive(strings.Join(said, "\n"))
}
