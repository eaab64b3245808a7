package model

import (
	"strings"

	"limbeck/model/chat"
	"limbeck/model/guide"
)

// Extractive is what a file says under [RepliesKey] if its model learned replies that
// are an intent and slots, with values that are pieces of the prompt.
const Extractive = "extractive"

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

// Guide returns what holds a reply to messages to the form that the model learned; nil if
// its file names none, or if they are longer than 64 kB. The prompt is all of their texts, a
// line each, as data.Example.Input has it.
func (m *Model) Guide(messages []chat.Message) guide.Guide {
	size := 0
	for i := range messages {
		size += len(messages[i].Content)
	}
	if m.Meta.String(RepliesKey, "") != Extractive || size > guidedBytes {
		return nil
	}
	said := make([]string, len(messages))
	for i := range messages {
		said[i] = messages[i].Content
	}
	return guide.NewExtractive(strings.Join(said, "\n"))
}
