package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"limbeck/internal/disk"
)

// interrupts lets a command take Ctrl-C for something smaller than its end.
type interrupts struct {
	mu   sync.Mutex
	take func() bool
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

// withSignals returns a context that the first Ctrl-C (or SIGTERM) ends; the
// second ends the program.
func (a *app) withSignals() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
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
	a.interrupts.mu.Unlock()
	if s == os.Interrupt && take != nil && take() {
		return
	}
	if ctx.Err() != nil {
		disk.Abandon()
		a.progress.finish()
		fmt.Fprintln(a.err, "limbeck: ended")
		os.Exit(exitInterrupted)
	}
	cancel()
	a.remark("stopping; Ctrl-C again to end at once") // what goes on from where says so as it ends
}
