package par

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// A share is whole in a run that nobody has claimed of, and nothing in one that is
// over, whatever the number of runs has come to.
func TestClaim(t *testing.T) {
	for _, run := range []uint32{1, 1<<31 - 1, 1 << 31, 1<<32 - 2} {
		var s share
		s.Store(uint64(run-1)<<32 | 5<<16 | 5)
		for i, c := range []struct {
			run   uint32
			owner bool
			piece int
			ok    bool
		}{
			{run, true, 3, true},
			{run, false, 6, true},
			{run - 1, true, 0, false}, // it is over
			{run, true, 4, true},
			{run, false, 5, true},
			{run, true, 0, false},
			{run, false, 0, false},
			{run + 1, false, 6, true},
			{run, true, 0, false},
			{run + 1, true, 3, true},
		} {
			if piece, ok := s.claim(c.run, 3, 7, c.owner); piece != c.piece || ok != c.ok {
				t.Errorf("run %d, claim %d: %d, %v, want %d, %v", run, i, piece, ok, c.piece, c.ok)
			}
		}
	}
	var s share
	if _, ok := s.claim(1, 2, 2, true); ok {
		t.Error("an empty share has a piece")
	}
}

// Numbers of runs begin anew after 2³²; shares of which nobody claims, because there
// are more workers than pieces, stay good.
func TestNumbersOfRunsWrap(t *testing.T) {
	for _, number := range []uint64{refresh - 3, 1<<31 - 3, 1<<32 - 3} {
		p := New(4)
		p.run.Store(number << 32)
		for i := range p.shares {
			p.shares[i].Store(number << 32)
		}
		for run := range 6 {
			for _, pieces := range []int{2, 9} {
				c := &count{hits: make([]atomic.Int32, pieces), threads: 4}
				p.Run(c, pieces)
				for i := range c.hits {
					if n := c.hits[i].Load(); n != 1 {
						t.Fatalf("run %d after %d: piece %d of %d done %d times", run, number, i, pieces, n)
					}
				}
			}
		}
		p.Close()
	}
}

// Runs of more pieces than a share counts are cut, and nothing is left out.
func TestLargeRuns(t *testing.T) {
	p := New(2)
	defer p.Close()
	const pieces = 2*mostPieces + 3
	c := &count{hits: make([]atomic.Int32, pieces), threads: 2, slow: -1}
	p.Run(c, pieces)
	for i := range c.hits {
		if n := c.hits[i].Load(); n != 1 {
			t.Fatalf("piece %d done %d times", i, n)
		}
	}
}

// captive does not end the first piece of a worker until all others are done, and not
// the caller's first before a worker has one, if one comes at once.
type captive struct {
	left  atomic.Int32 // pieces that are not done
	taken atomic.Bool
	late  atomic.Bool // the others' pieces were not done in time
	begun bool
}

func (c *captive) Do(worker, _ int) {
	switch {
	case worker > 0 && !c.taken.Swap(true):
		if !within(10*time.Second, func() bool { return c.left.Load() == 1 }) {
			c.late.Store(true)
		}
	case worker == 0 && !c.begun:
		c.begun = true
		within(10*time.Millisecond, c.taken.Load)
	}
	c.left.Add(-1)
}

// within reports whether f is so before the time is over.
func within(d time.Duration, f func() bool) bool {
	for start := time.Now(); !f(); runtime.Gosched() {
		if time.Since(start) > d {
			return false
		}
	}
	return true
}

// Whose core is taken while it does a piece keeps that piece, and the others do the rest
// of its share.
func TestSlowCoreKeepsOnePiece(t *testing.T) {
	const threads, pieces, runs = 2, 64, 100
	p := New(threads)
	defer p.Close()
	taken := 0
	for range runs {
		c := &captive{}
		c.left.Store(pieces)
		p.Run(c, pieces)
		if c.late.Load() {
			t.Fatalf("of %d pieces some were left to a worker that was at one", pieces)
		}
		if c.taken.Load() {
			taken++
		}
	}
	if taken == 0 {
		t.Errorf("no worker took a piece in %d runs", runs)
	}
}
