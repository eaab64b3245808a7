// Package par spreads the pieces of a task over a fixed set of worker threads.
//
// A [Pool] is made once and used for every step of a computation: starting a
// run costs well under a microsecond while the workers are awake, and nothing
// is allocated. Between runs a worker spins for a bounded time and then parks,
// so that an idle program takes no processor time.
//
// Pieces that follow each other mostly go to one worker, which so reads memory
// in long stretches. A worker that has done its share takes over from the ends
// of the others' shares.
//
// A parked core is slow to come back, on a virtual machine by a millisecond and
// more, so that a worker looks out for longer than a short wait takes, as long as
// that mostly pays: see lookout.go.
//
// A caller does not wait for help that does not come: it takes every piece that
// no worker has begun. It has to wait for a worker that lost its core with a
// piece in hand. When that cost more than the worker's help saved, the caller
// works alone for a while.
package par

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Task is work that can be cut in pieces. Do computes one piece; calls run
// at the same time, at most one for each worker. worker is below
// [Pool.Threads] and serves to pick scratch memory; results must not depend on
// it.
type Task interface{ Do(worker, piece int) }

// spinFor is how long a caller whose workers have not finished keeps a core busy,
// and an idle worker where its [lookout] grants no more. It covers the serial gaps
// between the runs of a forward pass and is far below a scheduler's time slice.
const spinFor = 50 * time.Microsecond

// spinChecks is the number of polls between two looks at the clock.
const spinChecks = 64

// After waiting in vain, a caller works alone for soloFactor times as long, and
// for maxSolo at most: a core that others took costs a third of the time at most, and
// one that was only interrupted, as a virtual machine's often are, is soon found.
const (
	soloFactor = 2
	maxSolo    = 100 * time.Millisecond
)

// epoch is what the pools' clocks count from.
var epoch = time.Now()

func now() time.Duration { return time.Since(epoch) }

// A Pool is a set of worker threads. The caller of Run is worker 0.
//
// What different threads write while others poll lies in cache lines of its
// own: a run of a few microseconds would lose much of what help saves to lines
// that go to and fro.
type Pool struct {
	threads  int
	spin     time.Duration
	shares   []share // by worker
	workers  []worker
	exited   sync.WaitGroup
	closed   atomic.Bool
	finished chan struct{}

	watch *watch // nil unless somebody asked; written while the pool is idle

	failed atomic.Bool
	mu     sync.Mutex
	thrown any // the first panic of the run

	_ line // what workers poll

	run atomic.Uint32 // counts runs, so that workers see a new one

	// Written between runs, read only by the holder of a claimed piece, and kept
	// until the next run. A worker that comes late to a run may claim one of the
	// next: it is as good.
	task Task

	_ line // what the caller polls

	done    atomic.Uint32 // pieces that others than the caller did, in all runs
	waiting atomic.Bool   // the caller is parked on finished

	_ line // the caller's

	running atomic.Bool
	helped  uint32        // what done was after the last run
	solo    time.Duration // until then the caller works alone

	_ line
}

// A line keeps what lies before it and after it in different cache lines.
type line [64]byte

// A share is a range of pieces that nobody has claimed: the first in the low half
// of the word, the one after the last in the high half.
type share struct {
	atomic.Uint64
	_ [56]byte // shares are far enough apart for their owners' caches
}

func (s *share) set(lo, hi int) { s.Store(uint64(hi)<<32 | uint64(lo)) }

// claim takes a piece: the first one for the share's owner, the last for others.
func (s *share) claim(owner bool) (piece int, ok bool) {
	for {
		v := s.Load()
		lo, hi := uint32(v), uint32(v>>32)
		if lo >= hi {
			return 0, false
		}
		piece, left := int(hi-1), v-1<<32
		if owner {
			piece, left = int(lo), v+1
		}
		if s.CompareAndSwap(v, left) {
			return piece, true
		}
	}
}

type worker struct {
	parked  atomic.Bool
	wake    chan struct{}
	lookout lookout
	_       [40]byte // workers poll their own cache line
}

// New starts a pool of that many threads, the caller of Run included. With
// threads ≤ 0 it takes GOMAXPROCS.
func New(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{
		threads:  threads,
		spin:     spinFor,
		finished: make(chan struct{}, 1),
		shares:   make([]share, threads),
		workers:  make([]worker, threads-1),
	}
	if threads > runtime.GOMAXPROCS(0) {
		p.spin = 0 // a spinning worker would hold up one that has work
	}
	for i := range p.workers {
		p.workers[i].wake = make(chan struct{}, 1)
		p.exited.Add(1)
		go p.serve(i)
	}
	return p
}

// Threads returns the number of workers, the caller of Run included.
func (p *Pool) Threads() int { return p.threads }

// Run calls t.Do for every piece in [0, pieces) and returns when all are done.
// If a piece panics, pieces that have not started are left out and Run panics
// with the first value. Run is not reentrant: a pool serves one run at a time.
func (p *Pool) Run(t Task, pieces int) {
	if p.watch != nil {
		defer p.watch.ran(time.Now())
	}
	if p.closed.Load() {
		panic("par: Run after Close")
	}
	if !p.running.CompareAndSwap(false, true) {
		panic("par: Run called during a Run of the same pool")
	}
	if p.threads == 1 || pieces <= 1 {
		p.alone(t, pieces)
		return
	}
	start := now()
	if start < p.solo {
		p.alone(t, pieces)
		return
	}
	p.task = t
	for i := range p.shares {
		p.shares[i].set(pieces*i/p.threads, pieces*(i+1)/p.threads)
	}
	p.run.Add(1)
	p.wakeUp(pieces - 1)
	own := p.work(0)
	helped := uint32(pieces) - own
	p.helped += helped
	if waited := p.join(); waited > 0 {
		p.judge(waited, now()-waited-start, own, helped)
	}
	p.running.Store(false)
	if p.failed.Load() {
		p.throw()
	}
}

// alone does a run on the caller's thread.
func (p *Pool) alone(t Task, pieces int) {
	defer p.running.Store(false) // also if a piece panics
	if p.watch != nil {
		defer p.watch.worked(time.Now())
	}
	for i := range pieces {
		t.Do(0, i)
	}
}

// throw panics with the first value of a run that failed.
func (p *Pool) throw() {
	thrown := p.thrown
	p.thrown = nil
	p.failed.Store(false)
	panic(thrown)
}

// Close ends the workers and waits for them. The pool must be idle.
func (p *Pool) Close() {
	if p.closed.Swap(true) {
		return
	}
	p.run.Add(1)
	p.wakeUp(len(p.workers))
	p.exited.Wait()
}

// wakeUp wakes at most n parked workers; those that spin see the new run by
// themselves.
func (p *Pool) wakeUp(n int) {
	for i := range p.workers {
		if i >= n {
			return
		}
		w := &p.workers[i]
		if w.parked.Load() && w.parked.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

// serve is the life of worker i+1. The thread is locked so that the kernel's
// scheduler, not Go's, decides where it runs: it keeps its core and caches.
func (p *Pool) serve(i int) {
	defer p.exited.Done()
	runtime.LockOSThread()
	var seen uint32
	for {
		seen = p.await(&p.workers[i], seen)
		if p.closed.Load() {
			return
		}
		p.work(i + 1)
	}
}

// await returns the number of the current run once it differs from seen.
func (p *Pool) await(w *worker, seen uint32) uint32 {
	var start, spin time.Duration
	for { // the clock comes after the polls: a run often follows at once
		for range spinChecks {
			if run := p.run.Load(); run != seen {
				return run
			}
		}
		at := now()
		if start == 0 {
			start, spin = at, w.lookout.spin(p.spin, at)
		}
		if at-start >= spin {
			w.lookout.vain(at-start, at)
			break
		}
	}
	for {
		w.parked.Store(true)
		run := p.run.Load()
		if run == seen {
			<-w.wake
			continue
		}
		if !w.parked.CompareAndSwap(true, false) {
			<-w.wake // a wake-up is on its way: take it, lest it linger
		}
		return run
	}
}

// work does pieces until none is left, and returns how many.
func (p *Pool) work(id int) (own uint32) {
	var start time.Time
	for {
		piece, ok := p.claim(id)
		if !ok {
			break
		}
		if own == 0 && p.watch != nil { // like task, only for who holds a piece
			start = time.Now()
		}
		p.do(id, piece)
		own++
	}
	if own > 0 {
		if p.watch != nil {
			p.watch.worked(start)
		}
		if id > 0 {
			p.finish(own)
		}
	}
	return own
}

// claim takes a piece of the worker's own share, or else of another's.
func (p *Pool) claim(id int) (piece int, ok bool) {
	for i := range p.shares {
		if piece, ok = p.shares[(id+i)%p.threads].claim(i == 0); ok {
			return piece, true
		}
	}
	return 0, false
}

// do runs one claimed piece.
func (p *Pool) do(id, piece int) {
	defer p.catch()
	if !p.failed.Load() {
		p.task.Do(id, piece)
	}
}

// catch keeps the first panic of a run.
func (p *Pool) catch() {
	if v := recover(); v != nil {
		p.mu.Lock()
		if p.thrown == nil {
			p.thrown = v
		}
		p.mu.Unlock()
		p.failed.Store(true)
	}
}

// finish counts a worker's pieces as done.
func (p *Pool) finish(own uint32) {
	p.done.Add(own)
	if p.waiting.Load() && p.waiting.CompareAndSwap(true, false) {
		p.finished <- struct{}{}
	}
}

// finishedAll reports whether all pieces are done that were not the caller's.
func (p *Pool) finishedAll() bool { return p.done.Load() == p.helped }

// join waits until all pieces are done, and returns for how long; zero if it
// was so short that the clock was not read.
func (p *Pool) join() time.Duration {
	for range spinChecks {
		if p.finishedAll() {
			return 0
		}
	}
	start := now()
	for now()-start < p.spin {
		for range spinChecks {
			if p.finishedAll() {
				return now() - start
			}
		}
	}
	// A loop, because every worker that finishes answers, the last one of an
	// earlier run included.
	for !p.finishedAll() {
		p.waiting.Store(true)
		if p.finishedAll() && p.waiting.CompareAndSwap(true, false) {
			break
		}
		<-p.finished
	}
	return now() - start
}

// judge decides whether the next runs are the caller's alone, after one in
// which it worked for that long on its own pieces and then waited for the others.
func (p *Pool) judge(waited, worked time.Duration, own, helped uint32) {
	saved := worked * time.Duration(helped) / time.Duration(max(own, 1))
	if waited > spinFor+saved {
		p.solo = now() + min(soloFactor*waited, maxSolo)
	}
}
