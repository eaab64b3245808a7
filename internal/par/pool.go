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
//
// To hand a run out costs some trips of a cache line from core to core, and in some
// machines such a trip takes as long as a small product. So little is written where
// others look, and a run that may be brief is shared only if that pays: see brief.go.
// While threads wait, they ask for what they read next: see ahead.go.
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

	// The number of the run in the high half, so that workers see a new one, and of
	// its pieces. They are one word: a worker that comes late to a run finds nothing
	// left of it, and never takes its shares for the next run's.
	run atomic.Uint64

	// Written between runs, read only by the holder of a claimed piece, and kept
	// until the next run.
	task Task
	from int // the number of the first piece, where a run is cut

	_ line // what the caller polls

	done    atomic.Uint32 // pieces that others than the caller did, in all runs
	waiting atomic.Bool   // the caller is parked on finished

	_ line // the caller's

	running atomic.Bool
	helped  uint32        // what done was after the last run
	solo    time.Duration // until then the caller works alone

	// See brief.go.
	habits   [kinds][sizeClasses]habit
	trip     time.Duration
	nextTrip time.Duration

	_ line
}

// A line keeps what lies before it and after it in different cache lines.
type line [lineBytes]byte

// A share is the pieces of a run that nobody has claimed, of those that are one
// worker's to begin with: the run's number in the high half of the word, then the
// first piece, and the one after the last. In a run of another number it says
// nothing: the whole share is there. So no thread has to write where another claims.
type share struct {
	atomic.Uint64
	_ [56]byte // shares are far enough apart for their owners' caches
}

// claim takes a piece of those that are lo to hi at the beginning of run number
// run: the first one for the share's owner, the last for others.
func (s *share) claim(run, lo, hi uint32, owner bool) (piece int, ok bool) {
	for {
		v := s.Load()
		switch later := int32(uint32(v>>32) - run); {
		case later == 0:
			lo, hi = uint32(v>>16&mostPieces), uint32(v&mostPieces)
		case later > 0: // the run is over
			return 0, false
		}
		if lo >= hi {
			return 0, false
		}
		a, b := lo, hi
		if owner {
			piece = int(a)
			a++
		} else {
			b--
			piece = int(b)
		}
		if s.CompareAndSwap(v, uint64(run)<<32|uint64(a)<<16|uint64(b)) {
			return piece, true
		}
	}
}

// mostPieces is what a share can count to: larger runs are cut.
const mostPieces = 1<<16 - 1

type worker struct {
	parked  atomic.Bool
	wake    chan struct{}
	lookout lookout
	ahead   Ahead
	_       [72]byte // workers poll their own cache lines
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
func (p *Pool) Run(t Task, pieces int) { p.begin(t, pieces, nil) }

// begin is Run. If h is not nil the task may be brief, as h tells.
func (p *Pool) begin(t Task, pieces int, h *habit) {
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
	if h != nil && !p.helps(h, start) {
		p.alone(t, pieces)
		h.learn(now() - start)
		return
	}
	for from := 0; from < pieces; from += mostPieces {
		p.share(t, from, min(pieces-from, mostPieces), start, h)
	}
	p.running.Store(false)
	if p.failed.Load() {
		p.throw()
	}
}

// share does a run, begun at start, or a part of one, with the workers' help.
func (p *Pool) share(t Task, from, pieces int, start time.Duration, h *habit) {
	p.task, p.from = t, from
	run := p.hand(pieces)
	p.wakeUp(pieces - 1)
	own := p.claimOf(0, 0, run)
	if h != nil {
		if h.count++; h.count%timedEvery == 0 && own > 0 {
			h.learn((now() - start) * time.Duration(pieces) / time.Duration(own))
		}
	}
	p.helped += uint32(pieces) - own
	var ahead Ahead
	ahead.foresee(t, 0)
	if !p.finishes(looks, &ahead) {
		more := p.takeOver(0, run)
		own, p.helped = own+more, p.helped-more
	}
	if waited := p.join(&ahead); waited > 0 {
		p.judge(waited, now()-waited-start, own, uint32(pieces)-own)
	}
}

// refresh is after how many runs all shares are told the number of the run: it is
// compared with theirs as far as half its range, and some may not have been claimed of
// since long ago.
const refresh = 1 << 30

// hand begins a run of the task, and returns its word.
func (p *Pool) hand(pieces int) (run uint64) {
	n := uint32(p.run.Load()>>32) + 1
	if n%refresh == 0 {
		for i := range p.shares {
			p.shares[i].Store(uint64(n-1) << 32)
		}
	}
	run = uint64(n)<<32 | uint64(pieces)
	p.run.Store(run)
	return run
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
	p.hand(0)
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
	var seen uint64
	for {
		seen = p.await(&p.workers[i], seen)
		if p.closed.Load() {
			return
		}
		p.work(i+1, seen)
	}
}

// await returns the word of the current run once it differs from seen.
func (p *Pool) await(w *worker, seen uint64) uint64 {
	var start, spin time.Duration
	for { // the clock comes after the polls: a run often follows at once
		for range spinChecks {
			if run := p.run.Load(); run != seen {
				return run
			}
			w.ahead.ask()
		}
		at := now()
		if start == 0 {
			start, spin = at, w.lookout.spin(p.spin, at)
		}
		if at-start >= spin {
			w.lookout.vain(at-start, at)
			w.ahead = Ahead{} // nor is it kept from the collector
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

// work does pieces of a run until none is left.
func (p *Pool) work(id int, run uint64) {
	w := &p.workers[id-1]
	if own := p.claimOf(id, id, run); own > 0 {
		w.ahead.foresee(p.task, id)
		p.finish(own)
	}
	for range looks {
		if p.run.Load() != run {
			return
		}
		w.ahead.ask()
	}
	if own := p.takeOver(id, run); own > 0 {
		p.finish(own)
	}
}

// looks is for how many looks who has done his share leaves those of others alone:
// mostly they are about to end too, and a look at a share costs its owner as much as
// who takes it.
const looks = 128

// takeOver does what is left of others' shares.
func (p *Pool) takeOver(id int, run uint64) (own uint32) {
	for i := 1; i < p.threads; i++ {
		own += p.claimOf(id, (id+i)%p.threads, run)
	}
	return own
}

// claimOf does what is left of whose share, and returns how many pieces that were.
func (p *Pool) claimOf(id, whose int, run uint64) (own uint32) {
	pieces := int(run & mostPieces)
	lo, hi := uint32(pieces*whose/p.threads), uint32(pieces*(whose+1)/p.threads)
	var start time.Time
	for {
		piece, ok := p.shares[whose].claim(uint32(run>>32), lo, hi, id == whose)
		if !ok {
			break
		}
		if own == 0 && p.watch != nil { // like task, only for who holds a piece
			start = time.Now()
		}
		p.do(id, p.from+piece)
		own++
	}
	if own > 0 && p.watch != nil {
		p.watch.worked(start)
	}
	return own
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

// finishes reports whether they get done while the caller looks so often.
func (p *Pool) finishes(looks int, ahead *Ahead) bool {
	for range looks {
		if p.finishedAll() {
			return true
		}
		ahead.ask()
	}
	return false
}

// join waits until all pieces are done, and returns for how long; zero if it
// was so short that the clock was not read.
func (p *Pool) join(ahead *Ahead) time.Duration {
	if p.finishes(spinChecks, ahead) {
		return 0
	}
	start := now()
	for now()-start < p.spin {
		if p.finishes(spinChecks, ahead) {
			return now() - start
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
