package data

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"limbeck/internal/typeset"
)

// Notes are what a user should know of a file that was read.
type Notes struct {
	LeftOut LeftOut
	Unread  []string // sorted: keys or columns beside a plain text, which may be its label
}

// LeftOut counts the rows of messages that are no examples, though nothing in them is
// wrong: real logs hold such.
type LeftOut struct {
	ToolCalls int // a message calls a tool, which a text cannot hold
	NoReply   int // the last message is not the assistant's, or says nothing
	NoText    int // another message says nothing
	NotText   int // a message has a part that is no text, as an image
	Unweighed int // the last message has weight 0, which says that it is not to be learned
}

// String counts the rows of each kind; "" for none.
func (l LeftOut) String() string {
	var kinds []string
	for _, k := range []struct {
		n    int
		what string
	}{{l.ToolCalls, "with calls of tools"}, {l.NoReply, "without a reply"}, {l.NoText, "with a message without text"},
		{l.NotText, "with images or other parts that are no text"}, {l.Unweighed, "with a reply of weight 0"}} {
		if k.n > 0 {
			kinds = append(kinds, typeset.Counted(k.n, "row")+" "+k.what)
		}
	}
	return strings.Join(kinds, ", ")
}

// after is String after a word, if there is anything to say.
func (l LeftOut) after(word string) string {
	if text := l.String(); text != "" {
		return word + text
	}
	return ""
}

// add counts a row that err keeps from being an example, and reports whether it is of a
// kind that is left out.
func (l *LeftOut) add(err error) bool {
	g := new(gap)
	if !errors.As(err, &g) {
		return false
	}
	switch g.kind {
	case toolCall:
		l.ToolCalls++
	case noReply:
		l.NoReply++
	case noText:
		l.NoText++
	case notText:
		l.NotText++
	case unweighed:
		l.Unweighed++
	}
	return true
}

// The kinds of [LeftOut].
const (
	toolCall = iota
	noReply
	noText
	notText
	unweighed
)

// A gap is an error about messages that are well formed, but no example.
type gap struct {
	kind int
	text string
}

func (g *gap) Error() string { return g.text }

// mostUnread bounds what [Notes] name.
const mostUnread = 20

// unread notes what stands beside the text of a row that is read as plain text, and
// may be its label: an object or a list is none.
func (n *Notes) unread(r row, c Columns) {
	if len(n.Unread) == mostUnread {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(r)) { // in order: the first are named
		if key == c.Text || key == c.ID || strings.IndexByte("{[n", r[key][0]) >= 0 || len(n.Unread) == mostUnread {
			continue
		}
		if at, found := slices.BinarySearch(n.Unread, key); !found {
			n.Unread = slices.Insert(n.Unread, at, key)
		}
	}
}
