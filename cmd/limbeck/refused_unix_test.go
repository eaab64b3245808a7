//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// Programs that the system refuses what limbeck asks for.
func init() {
	// deniedbeck is limbeck as a user who owns nothing: root may write anywhere.
	programs["deniedbeck"] = func() {
		const nobody = 65534
		if os.Getuid() == 0 {
			must(errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)))
		}
		main()
	}
	// fullbeck is limbeck where the system takes no more than that of a file, as a
	// disk that is full does.
	programs["fullbeck"] = func() {
		const room = 8 << 10 // bytes: enough for logs, too little for a model or a report
		must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: room, Max: room}))
		main()
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
