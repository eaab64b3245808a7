package par

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience is how long a goroutine may take to park: a thousand times what it
// does on an idle machine, for one whose cores others keep busy.
const patience = time.Minute

// header is how a goroutine that is parked on a channel begins in a dump of
// stacks: one that spins is "running" or "runnable" there.
var header = regexp.MustCompile(`^goroutine \d+ \[chan receive[,\]]`)

// parked returns how many goroutines are in a function of a pool, and how many of
// them are parked in it.
func parked(function string) (all, parked int) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, s := range strings.Split(string(stacks), "\n\n") {
		if !strings.Contains(s, ".(*Pool)."+function+"(") {
			continue
		}
		all++
		if header.MatchString(s) {
			parked++
		}
	}
	return all, parked
}

// waitParked fails unless, before patience is over, n goroutines are in the
// function and all of them are parked.
func waitParked(t *testing.T, function string, n int, when string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		all, still := parked(function)
		if all == n && still == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: after %v, %d goroutines are in %s, %d of them parked; want %d, all parked", when, patience, all, function, still, n)
		}
	}
}

// Spinning is bounded: the workers of an idle pool park, before its first run,
// after runs, and where there are more of them than cores.
func TestIdleWorkersPark(t *testing.T) {
	for _, threads := range []int{2, 3, runtime.GOMAXPROCS(0) + 2} {
		t.Run(fmt.Sprint(threads), func(t *testing.T) {
			p := New(threads)
			defer p.Close()
			if threads > runtime.GOMAXPROCS(0) && p.spin != 0 {
				t.Errorf("with more threads than cores they spin for %v", p.spin)
			}
			waitParked(t, "await", threads-1, "before the first run")
			for range 3 {
				for range 10 {
					p.Run(&sum{make([]int, 8)}, 8)
				}
				waitParked(t, "await", threads-1, "after some runs")
			}
		})
	}
}

// held is a task of two pieces: a worker that takes one keeps it until release,
// and the caller does the other meanwhile.
type held struct{ begun, release chan struct{} }

func (h *held) Do(worker, _ int) {
	if worker == 0 {
		<-h.begun
		return
	}
	close(h.begun)
	<-h.release
}

// A caller parks while a worker keeps it waiting, and goes on once it has done.
func TestCallerParks(t *testing.T) {
	p := New(2)
	defer p.Close()
	for i := range 3 {
		p.solo = 0 // the worker was waited for: that is no reason to do without
		h := &held{make(chan struct{}), make(chan struct{})}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.Run(h, 2)
		}()
		func() {
			defer func() {
				close(h.release)
				<-ended
			}()
			waitParked(t, "join", 1, fmt.Sprintf("run %d, whose worker is held up", i))
		}()
	}
}
