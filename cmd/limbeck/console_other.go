//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	endOfInput         = "Ctrl-D"
	interruptEndsInput = false
)

func takesEscapes(*os.File) bool { return true }

// suspend stops the program and what its shell started with it, as Ctrl-Z does in a terminal
// that is not raw, until the shell lets it go on.
func suspend() {
	const late = time.Second // a system stops no program that nobody could let go on
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	if syscall.Kill(0, syscall.SIGTSTP) != nil {
		return
	}
	select {
	case <-goesOn:
	case <-time.After(late):
	}
}
