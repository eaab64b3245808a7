//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

// What to do about a full disk is said once, whatever was written.
func TestFullDisk(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "page.html", Err: syscall.ENOSPC}
	for _, c := range []struct {
		err  error
		want string
	}{
		{full, "write page.html: no space left on device; free some space and start again"},
		{&fs.PathError{Op: "write", Path: "log.jsonl", Err: syscall.EDQUOT}, "write log.jsonl: " + syscall.EDQUOT.Error() + "; free some space and start again"},
		{fmt.Errorf("step x: the disk is full: %w", full),
			"step x: the disk is full: write page.html: no space left on device; free some space and start again"},
		{errors.New("else"), "else"},
	} {
		var errs bytes.Buffer
		a := newApp(nil, nil, &errs)
		a.started = true
		if code := a.exit(nil, c.err); code != exitFailed || errs.String() != "limbeck: "+c.want+"\n" {
			t.Errorf("exit code %d, %q, want %q", code, &errs, c.want)
		}
	}
}
