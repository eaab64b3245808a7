package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"limbeck/internal/disk"
)

// interrupts lets a command take Ctrl-C for something smaller than its end.
type interrupts struct {
	mu   sync.Mutex
	take func() bool
	last time.Time // when Ctrl-C came
}

// takeInterrupts makes Ctrl-C call f instead of ending the command, until
// restore is called. f returns false to let this one end it.
func (a *app) takeInterrupts(f func() bool) (restore func()) {
	a.interrupts.mu.Lock()
	defer a.interrupts.mu.Unlock()
	before := a.interrupts.take
	a.interrupts.take = f
	return func() {
		a.interrupts.mu.Lock()
		defer a.interrupts.mu.Unlock()
		a.interrupts.take = before
	}
}

// withSignals returns a context that the first Ctrl-C ends, or SIGTERM, or SIGHUP of a
// terminal that closes, unless nohup has that ignored; the second ends the program.
func (a *app) withSignals() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				a.onSignal(s, ctx, cancel)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

func (a *app) onSignal(s os.Signal, ctx context.Context, cancel func()) {
	a.interrupts.mu.Lock()
	take := a.interrupts.take
	if s == os.Interrupt {
		a.interrupts.last = time.Now()
	}
	a.interrupts.mu.Unlock()
	if s == os.Interrupt && take != nil && take() {
		return
	}
	a.raw.end()
	if ctx.Err() != nil {
		if s == syscall.SIGHUP { // of the same terminal: its shell and the system send one each
			return
		}
		disk.Abandon()
		shortly(func() {
			a.progress.finish()
			fmt.Fprintln(a.err, "limbeck: ended")
		})
		os.Exit(exitInterrupted)
	}
	// What goes on from where says so as it ends.
	shortly(func() { a.remark("stopping; Ctrl-C again to end at once") })
	cancel()
}

// unlessInterrupted returns what f does, or ctx's error as soon as ctx ends. Then f goes on,
// unheard, until the program ends: it only looks.
func unlessInterrupted[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		is  T
		err error
	}
	done := make(chan result, 1)
	go func() {
		is, err := f()
		done <- result{is, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case r := <-done:
		return r.is, cmp.Or(ctx.Err(), r.err)
	}
}

// input returns standard input as a reader that fails with ctx's error when ctx ends,
// though nothing comes. What an interruption ended is not whole: who wrote it may have
// died of the same Ctrl-C, a little before it is heard here.
func (a *app) input(ctx context.Context) io.Reader {
	late := 10 * time.Millisecond
	if terminalOf(a.in) != nil {
		a.remark("reading what is typed; %s ends it", endOfInput)
		if interruptEndsInput {
			late *= 10
		}
	}
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(w, a.in)
		if err == nil {
			select {
			case <-ctx.Done():
			case <-time.After(late):
			}
			err = ctx.Err()
		}
		w.CloseWithError(err)
	}()
	return r
}

// shortly does f, which tells the user something, and does not wait for it long: who
// reads standard error may have stopped, as a pager does, and signals are to be heard.
func shortly(f func()) {
	const long = 200 * time.Millisecond
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(long):
	}
}

// justNow tells whether Ctrl-C came a moment ago, or comes in a moment.
func (i *interrupts) justNow() bool {
	const moment = 100 * time.Millisecond
	time.Sleep(moment)
	i.mu.Lock()
	defer i.mu.Unlock()
	return time.Since(i.last) < 2*moment
}
