package main

import "strings"

// fence begins and ends a message of several lines.
const fence = `"""`

// A block is a message of several lines that is being typed. The zero value is none.
type block struct {
	open  bool
	lines []string
	size  int
	cut   bool // one of the lines was: the message is lost, but its other lines must not be said
}

// opens tells whether line is of the block, or begins it.
func (b *block) opens(line string) bool {
	return b.open || strings.HasPrefix(strings.TrimSpace(line), fence)
}

// add takes a line. ended tells that the message is whole, and the block is none again.
func (b *block) add(line string) (text string, ended, cut bool) {
	line = strings.TrimRight(line, " \t\r")
	if !b.open {
		b.open, line = true, strings.TrimPrefix(strings.TrimSpace(line), fence)
	}
	line, ended = strings.CutSuffix(line, fence)
	b.size += len(line) + 1
	if b.cut = b.cut || len(line) >= terminalLine || b.size > maxPrompt; !b.cut {
		b.lines = append(b.lines, line)
	}
	if !ended {
		return "", false, false
	}
	text, cut = strings.Trim(strings.Join(b.lines, "\n"), "\n"), b.cut
	*b = block{}
	return text, true, cut
}
