//go:build !windows

package main

import "os"

const (
	endOfInput         = "Ctrl-D"
	interruptEndsInput = false
)

func takesEscapes(*os.File) bool { return true }
