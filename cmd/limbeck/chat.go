package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"limbeck/model/chat"
	"limbeck/model/generate"
)

const chatHelp = `/clear  forget the conversation
/bye    end; ` + endOfInput + ` does too
Ctrl-C  stop a reply, or forget what is typed, lines after """ too
"""     begin, and then end, a message of several lines
Arrows  move in a line, or bring back earlier ones
Anything else is said to the model.`

// A conversation is a chat in a terminal.
type conversation struct {
	*app
	f        *runFlags
	e        *engine
	s        *generate.Session
	messages []chat.Message

	typed   block       // lines of a message that goes on
	dropped atomic.Bool // by Ctrl-C; read with the next line
}

// chat lets the user talk with a model, called name, until that ends it.
func (a *app) chat(ctx context.Context, name string, f *runFlags, e *engine, s *generate.Session) error {
	c := &conversation{app: a, f: f, e: e, s: s}
	if _, _, err := f.ask(e.Model, []chat.Message{{Role: "user"}}); err != nil {
		return err // no template: better now than after the first message
	}
	if !a.quiet {
		fmt.Fprintf(a.err, "Chatting with %s; /help tells more.\n", name)
	}
	from := a.lineSource(ctx)
	const ends = "/bye or " + endOfInput + " ends the chat."
	restore := a.takeInterrupts(func() bool {
		c.dropped.Store(true)
		shortly(func() { from.tell(ends) })
		return true
	})
	defer restore()
	for {
		sign := promptSign
		if c.typed.open {
			sign = blockSign
		}
		line, err := from.ask(ctx, sign)
		switch {
		case errors.Is(err, errDropped):
			c.typed = block{}
			from.tell(ends)
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if more, err := c.take(ctx, line); !more {
			return err
		}
	}
}

// A lineSource is where the lines of a chat come from.
type lineSource interface {
	// ask shows a sign and returns the line that is then typed: [io.EOF] if none comes any
	// more, errDropped if Ctrl-C is not a signal and ended it.
	ask(ctx context.Context, sign string) (string, error)

	// tell shows a text amid a line that is asked for, whose sign is then promptSign.
	tell(text string)
}

// lineSource returns the lines of the terminal that a.in is, which the user can edit if
// there is a screen to see it.
func (a *app) lineSource(ctx context.Context) lineSource {
	screen := screenOf(a.err)
	if screen == nil { // remarks may be unwanted, as by 2>log
		screen = screenOf(a.out)
	}
	if console := terminalOf(a.in); console != nil && screen != nil {
		return newEditor(&a.raw, console, screen)
	}
	goesOn := func() bool { return interruptEndsInput && a.interrupts.justNow() }
	lines, failed := readLines(ctx, a.in, goesOn)
	return &plainLines{lines, failed, a.err}
}

// plainLines are lines as a terminal, or whatever else, hands them on.
type plainLines struct {
	lines  <-chan string
	failed *error // see [readLines]
	w      io.Writer
}

// ask implements [lineSource].
func (p *plainLines) ask(ctx context.Context, sign string) (string, error) {
	fmt.Fprint(p.w, sign)
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case line, ok := <-p.lines:
		if ok {
			return line, nil
		}
		fmt.Fprintln(p.w)
		if *p.failed != nil {
			return "", *p.failed
		}
		return "", io.EOF
	}
}

// tell implements [lineSource].
func (p *plainLines) tell(text string) { fmt.Fprintf(p.w, "\n%s\n%s", text, promptSign) }

const (
	promptSign = ">>> "
	blockSign  = "... " // within a message of several lines
)

// terminalLine is the longest line, in bytes, that Linux's terminals hand on, and one less
// than the characters that a line edited may have: of a longer one the end is lost, and
// nothing tells.
const terminalLine = 4095

var cutLine = fmt.Sprintf("a line of %d bytes or more, of which a terminal loses the end; give it as a file: limbeck run MODEL <FILE", terminalLine)

// readLines sends the lines of r until it or ctx ends. What seems to be the end of r is
// none if goesOn says so. failed holds the error that ended it once the channel is
// closed.
func readLines(ctx context.Context, r io.Reader, goesOn func() bool) (lines <-chan string, failed *error) {
	out := make(chan string)
	failed = new(error)
	go func() {
		defer close(out)
		for again := true; again; again = *failed == nil && goesOn() {
			in := bufio.NewScanner(r)
			in.Buffer(nil, maxPrompt)
			for in.Scan() {
				select {
				case out <- in.Text():
				case <-ctx.Done():
					return
				}
			}
			*failed = in.Err()
		}
	}()
	return out, failed
}

// take does what the user's line says; more is false if that ends the chat.
func (c *conversation) take(ctx context.Context, line string) (more bool, err error) {
	if c.dropped.Swap(false) {
		c.typed = block{}
	}
	cut := len(line) >= terminalLine
	if c.typed.opens(line) {
		text, ended, cut := c.typed.add(line)
		switch {
		case cut:
			c.tell(cutLine)
		case ended && strings.TrimSpace(text) != "":
			return true, c.say(ctx, text)
		}
		return true, nil
	}
	line = strings.TrimSpace(line)
	switch {
	case cut:
		c.tell(cutLine)
	case line == "":
	case line == "/bye":
		return false, nil
	case line == "/clear":
		c.messages = nil
		fmt.Fprintln(c.err, "The conversation is forgotten.")
	case line == "/help":
		fmt.Fprintln(c.err, chatHelp)
	case line[0] == '/' && !strings.ContainsAny(line[1:], " /"):
		fmt.Fprintf(c.err, "no command %s; /help lists them\n", line)
	default:
		return true, c.say(ctx, line)
	}
	return true, nil
}

// say prints the reply to text. A message that cannot be answered is as if it
// had not been said.
func (c *conversation) say(ctx context.Context, text string) error {
	messages := append(c.messages, chat.Message{Role: "user", Content: text})
	err := checkText("message", text)
	var ids []int
	if err == nil {
		ids, c.f.Guide, err = c.f.ask(c.e.Model, messages)
	}
	if err != nil {
		c.tell(err.Error())
		return nil
	}
	c.tellLost(c.e.Model.Tokenizer, text, nil)
	c.f.drawSeed()
	replying, stop := context.WithCancel(ctx)
	restore := c.takeInterrupts(func() bool { stop(); return true })
	reply, err := c.s.Reply(replying, ids, c.f.Options, c.emit())
	restore()
	stop()
	stopped := errors.Is(err, context.Canceled) && ctx.Err() == nil
	if err != nil && !stopped && reply != nil && reply.Text != "" {
		fmt.Fprintln(c.out) // what went wrong has a line of its own
	}
	var long *generate.ContextError
	switch {
	case errors.As(err, &long):
		c.tell(err.Error() + moreContext(c.e, c.s) + "; /clear forgets the conversation")
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case stopped:
		fmt.Fprint(c.out, " [stopped]")
	case err != nil:
		c.tell(err.Error())
		return nil
	}
	fmt.Fprintln(c.out)
	c.messages = append(messages, chat.Message{Role: "assistant", Content: reply.Text})
	if c.f.unsure(reply) {
		// No remark: it was asked for.
		fmt.Fprintf(c.err, "unsure: confidence %.3g, below %v\n", reply.Confidence(), c.f.minConfidence)
	}
	if err == nil {
		c.tellCut(c.f, c.e, c.s, reply)
	}
	c.tellRates(c.f, c.e, reply)
	return nil
}
