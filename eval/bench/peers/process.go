package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process is one that has ended well.
type process struct {
	out     []byte  // what it wrote to standard output
	errs    []byte  // and to standard error
	seconds float64 // from its start to its end
	memory  int64   // most at a time, in bytes; 0 unknown
}

// A command is a program with its arguments and what it finds in its
// environment besides this program's.
type command struct {
	args []string
	env  []string
	dir  string
}

// memoryEvery is how often a process is asked for its peak of memory. What
// getrusage tells at its end would be this program's, if that was larger.
const memoryEvery = 10 * time.Millisecond

// waitDelay is how long a process that was ended may leave its output open to children.
const waitDelay = 2 * time.Second

// run starts the command and waits for its end.
func (c command) run(ctx context.Context) (*process, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env, cmd.Dir = append(os.Environ(), c.env...), c.dir
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = waitDelay
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchMemory(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	p := &process{out.Bytes(), errs.Bytes(), time.Since(start).Seconds(), 0}
	close(ended)
	p.memory = <-peak
	if err != nil {
		err = errors.Join(fmt.Errorf("%s: %w%s", strings.Join(c.args, " "), err, lastLines(p.errs)), ctx.Err())
		how := faultOf(cmd.ProcessState)
		if late := new(tooSlow); errors.As(context.Cause(ctx), late) {
			how = late.Error()
		}
		if how != "" {
			return nil, &unable{filepath.Base(c.args[0]), how, err}
		}
		return nil, err
	}
	return p, nil
}

// An unable is the error of a program that a fault of its own ended, or that took too long.
type unable struct {
	program, how string
	error
}

func (u *unable) Unwrap() error { return u.error }

// tooSlow is why a context ends that gives a program so much time.
type tooSlow struct{ time.Duration }

func (t tooSlow) Error() string { return "more than " + t.String() }

// faults are the signals that end a program for what it does itself. SIGKILL, which
// takes one where memory is short, is none.
var faults = map[syscall.Signal]string{
	syscall.SIGILL: "SIGILL", syscall.SIGSEGV: "SIGSEGV", syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE",
}

// faultOf returns the signal of a fault that ended a process; "" if none did, and on
// Windows, which has no signals.
func faultOf(p *os.ProcessState) string {
	if status, ok := p.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return faults[status.Signal()]
	}
	return ""
}

// watchMemory returns the last peak that a process told before it ended.
func watchMemory(pid int, ended <-chan struct{}) (peak int64) {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		peak = max(peak, peakMemory(pid))
		select {
		case <-ended:
			return peak
		case <-tick.C:
		}
	}
}

// peakMemory returns the most memory that a process has had, in bytes; 0 where
// the system does not tell: proc_pid_status(5).
func peakMemory(pid int) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if value, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			kB, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			return kB << 10
		}
	}
	return 0
}

// tailBytes bounds what an error repeats of a process's own words.
const tailBytes = 400

// lastLines returns the end of what a process wrote, for an error.
func lastLines(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return ""
	}
	return ": " + string(text[max(0, len(text)-tailBytes):])
}

// spinArgument makes this program an endless loop on one thread, until its
// standard input ends.
const spinArgument = "spin"

func spin() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // however it ends, this process does
		os.Exit(0)
	}()
	for {
		rand.Uint64()
	}
}

// whileBusy calls f while n single-threaded endless loops run.
func whileBusy(n int, f func() (sample, error)) (_ sample, err error) {
	self, err := os.Executable()
	if err != nil {
		return sample{}, err
	}
	for range n {
		loop := exec.Command(self, spinArgument)
		stdin, err := loop.StdinPipe()
		if err != nil {
			return sample{}, err
		}
		if err := loop.Start(); err != nil {
			return sample{}, err
		}
		defer func() {
			stdin.Close()
			_ = loop.Wait()
		}()
	}
	return f()
}
