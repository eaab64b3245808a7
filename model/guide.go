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

// Guide returns what holds a reply to messages to the form that the model learned; nil if
// its file names none.
func (m *Model) Guide(messages []chat.Message) guide.Guide {
	if m.Meta.String(RepliesKey, "") == "" {
		return nil
	}
	said := make([]string, len(messages))
	for i := range messages {
		said[i] = messages[i].Content
	}
	return guide.NewExtractive(strings.Join(said, "\n"))
}
