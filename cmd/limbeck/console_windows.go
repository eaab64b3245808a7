package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// endOfInput is what a user types to end the input.
const endOfInput = "Ctrl-Z and Enter"

// interruptEndsInput tells whether Ctrl-C ends what a console reads: the reading of no
// characters looks to Go as its end.
const interruptEndsInput = true

// suspend does nothing: no console suspends a program.
func suspend() {}

// takesEscapes has a terminal obey escape sequences. A console shows them instead until
// it is asked, and one of old systems always.
func takesEscapes(terminal *os.File) bool {
	console := windows.Handle(terminal.Fd())
	var mode uint32
	if windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	const obeys = windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	return mode&obeys != 0 || windows.SetConsoleMode(console, mode|obeys) == nil
}
