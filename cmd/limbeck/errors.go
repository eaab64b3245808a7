package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/internal/disk"
	"limbeck/internal/typeset"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnsure      = 3   // run --min-confidence: a reply below it
	exitInterrupted = 130 // as shells report Ctrl-C
)

// An exitError ends the program with a code of its own. Without err, nothing
// is printed: the command has said what there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageErrorf is an error about how a command was called.
func usageErrorf(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// tell prints what went wrong. It may quote a file, which is not to steer a terminal.
func (a *app) tell(text string) { fmt.Fprintf(a.err, "limbeck: %s\n", typeset.Plain(text)) }

// exit prints err, and what to do if it is of a full disk, and returns the exit code.
func (a *app) exit(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitOK
	}
	code := exitFailed
	var own *exitError
	switch {
	case errors.As(err, &own):
		code = own.code
	case !a.started:
		code = exitUsage
	case errors.Is(err, context.Canceled):
		code = exitInterrupted
	}
	if own != nil && own.err == nil {
		return code
	}
	text := strings.TrimSpace(err.Error()) // cobra's may end with a line feed
	if disk.Full(err) {
		text += "; free some space and start again"
	}
	// Where it was interrupted says nothing.
	if code == exitInterrupted && strings.Contains(text, context.Canceled.Error()) {
		text = "interrupted"
	}
	a.tell(text)
	if code == exitUsage && cmd != nil {
		fmt.Fprintf(a.err, "%s --help tells more.\n", cmd.CommandPath())
	}
	return code
}
