package data

import "strings"

// An Example is one row of a data set.
type Example struct {
	ID       string    // as given, or "file:line"
	Messages []Message // supervised data: the last is the reply; nil for plain text
	Text     string    // plain text for language modeling; empty for supervised data
	Label    string    // classification: equals the reply; empty otherwise
	Intent   string    // structured data: the reply is AppendReply of Intent and Slots
	Slots    []Slot    // structured data: in the order of the text
	Split    Split     // the part that the file assigns the row to, if it does
	Line     int       // line of the file where the row starts, from 1
	Whole    bool      // plain text: all of its file, of which a part may be held out
}

// A Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // system, user, assistant or tool
	Content string `json:"content"`
}

// A Slot is a named value, such as time: "six am".
type Slot struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Normalized returns s as it is compared: its value by [Normalize], its name as it is.
func (s Slot) Normalized() Slot { return Slot{s.Name, Normalize(s.Value)} }

// A Split is a part of a data set. The zero value means: not assigned.
type Split string

// The parts of a data set.
const (
	Train      Split = "train"
	Validation Split = "validation"
	Test       Split = "test"
)

// A Kind says what an example teaches.
type Kind uint8

const (
	Plain      Kind = iota // plain text, for language modeling
	Chat                   // a reply in free text
	Labeled                // a label
	Structured             // an intent and slots, as a JSON object
)

func (k Kind) String() string {
	return [...]string{"plain text", "chat", "labeled text", "text with intent and slots"}[k]
}

// Kind returns what the example teaches.
func (e *Example) Kind() Kind {
	switch {
	case e.Intent != "":
		return Structured
	case e.Label != "":
		return Labeled
	case len(e.Messages) > 0:
		return Chat
	}
	return Plain
}

// Prompt returns the messages before the reply: what a model is given. It is
// nil for plain text, and all messages of an example without a reply.
func (e *Example) Prompt() []Message {
	if n := len(e.Messages); n > 0 && e.Messages[n-1].Role == "assistant" {
		return e.Messages[:n-1]
	}
	return e.Messages
}

// SystemOf returns the system message that all chats begin with, "" for none;
// several reports that they do not begin alike.
func SystemOf(examples []Example) (text string, several bool) {
	first := true
	for i := range examples {
		p := examples[i].Prompt()
		if len(p) == 0 {
			continue
		}
		own := ""
		if p[0].Role == "system" {
			own = p[0].Content
		}
		if !first && own != text {
			return "", true
		}
		text, first = own, false
	}
	return text, false
}

// Reply returns what the model is to answer, and whether the example says so.
func (e *Example) Reply() (string, bool) {
	n := len(e.Messages)
	if n == 0 || e.Messages[n-1].Role != "assistant" {
		return "", false
	}
	return e.Messages[n-1].Content, true
}

// Input returns the text that the reply answers: the contents of the prompt's
// messages, a line each, or the plain text. Hash splits and overlaps between data
// sets look at this text, normalized.
func (e *Example) Input() string {
	p := e.Prompt()
	switch len(p) {
	case 0:
		return e.Text
	case 1:
		return p[0].Content
	}
	parts := make([]string, len(p))
	for i, m := range p {
		parts[i] = m.Content
	}
	return strings.Join(parts, "\n")
}

// Gold returns the intent and slots that a reply to the example is scored
// against: its own, or those that its reply spells as a JSON object. ok is false
// if it has neither.
func (e *Example) Gold() (r Reply, ok bool) {
	if e.Intent != "" {
		return Reply{Intent: e.Intent, Slots: e.Slots}, true
	}
	text, ok := e.Reply()
	if !ok {
		return Reply{}, false
	}
	r, err := ParseReply(text)
	return r, err == nil && r.Intent != "" && r.Odd == 0
}

// NewStructured returns the example whose prompt is text and whose reply is the
// JSON object of intent and slots.
func NewStructured(text, intent string, slots []Slot) Example {
	reply := string(AppendReply(nil, intent, slots))
	return Example{Messages: exchange(text, reply), Intent: intent, Slots: slots}
}

// NewLabeled returns the example whose prompt is text and whose reply is label.
func NewLabeled(text, label string) Example {
	return Example{Messages: exchange(text, label), Label: label}
}

// NewChat returns the example whose prompt and reply are given.
func NewChat(prompt, reply string) Example {
	return Example{Messages: exchange(prompt, reply)}
}

func exchange(prompt, reply string) []Message {
	return []Message{{"user", prompt}, {"assistant", reply}}
}

// partOf returns the examples that their file assigns to s, in order.
func partOf(examples []Example, s Split) []Example {
	var out []Example
	for _, e := range examples {
		if e.Split == s {
			out = append(out, e)
		}
	}
	return out
}
