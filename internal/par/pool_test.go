package par

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"limbeck/internal/testkit/allocs"
)

// count marks every piece that it is given.
type count struct {
	hits    []atomic.Int32
	threads int
	slow    int // this piece takes a while
	bad     atomic.Int32
}

func (c *count) Do(worker, piece int) {
	if worker < 0 || worker >= c.threads {
		c.bad.Add(1)
	}
	if piece == c.slow {
		time.Sleep(time.Millisecond)
	}
	c.hits[piece].Add(1)
}

func TestRunDoesEveryPieceOnce(t *testing.T) {
	for threads := 1; threads <= 5; threads++ {
		p := New(threads)
		for _, pieces := range []int{0, 1, 2, 3, 7, 100, 1000} {
			c := &count{hits: make([]atomic.Int32, pieces), threads: threads, slow: pieces / 2}
			p.Run(c, pieces)
			for i := range c.hits {
				if n := c.hits[i].Load(); n != 1 {
					t.Fatalf("%d threads: piece %d of %d done %d times", threads, i, pieces, n)
				}
			}
			if c.bad.Load() != 0 {
				t.Fatalf("%d threads: a worker's number is out of range", threads)
			}
		}
		p.Close()
	}
}

// sum adds into one cell per piece without atomics: the race detector sees
// whether Run orders the pieces before its return.
type sum struct{ cells []int }

func (s *sum) Do(_, piece int) { s.cells[piece] += piece }

func TestManyShortRuns(t *testing.T) {
	p := New(3)
	defer p.Close()
	s := &sum{make([]int, 8)}
	const runs = 20000
	for i := range runs {
		p.Run(s, 1+i%len(s.cells))
		if i%1000 == 0 {
			time.Sleep(2 * spinFor) // let the workers park
		}
	}
	want := 0
	for i := range runs {
		for piece := range 1 + i%len(s.cells) {
			want += piece
		}
	}
	got := 0
	for _, c := range s.cells {
		got += c
	}
	if got != want {
		t.Fatalf("sum %d, want %d", got, want)
	}
}

type thrower struct {
	at   int
	done atomic.Int32
}

func (th *thrower) Do(_, piece int) {
	if piece == th.at {
		panic(fmt.Sprintf("piece %d", piece))
	}
	th.done.Add(1)
}

func TestPanicReachesTheCaller(t *testing.T) {
	for _, threads := range []int{1, 2, 4} {
		p := New(threads)
		for _, at := range []int{0, 5, 99} {
			th := &thrower{at: at}
			got := func() (v any) {
				defer func() { v = recover() }()
				p.Run(th, 100)
				return nil
			}()
			if want := fmt.Sprintf("piece %d", at); got != want {
				t.Errorf("%d threads: recovered %v, want %q", threads, got, want)
			}
		}
		c := &count{hits: make([]atomic.Int32, 50), threads: threads}
		p.Run(c, 50) // the pool is still good
		for i := range c.hits {
			if c.hits[i].Load() != 1 {
				t.Fatalf("%d threads: run after a panic left out piece %d", threads, i)
			}
		}
		p.Close()
	}
}

type nested struct{ p *Pool }

func (n nested) Do(_, _ int) { n.p.Run(n, 2) }

// A run inside a run is refused whoever does the pieces, and the pool is as good as
// before.
func TestNestedRunPanics(t *testing.T) {
	for _, c := range []struct {
		threads, pieces int
		solo            time.Duration
	}{{2, 2, 0}, {2, 1, 0}, {1, 2, 0}, {2, 2, time.Hour}} {
		p := New(c.threads)
		p.solo = now() + c.solo
		panicsWith(t, "during a Run", func() { p.Run(nested{p}, c.pieces) })
		p.Run(&sum{make([]int, 4)}, 4)
		p.Close()
		panicsWith(t, "after Close", func() { p.Run(&sum{make([]int, 4)}, c.pieces) })
	}
}

func panicsWith(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		if got, _ := recover().(string); !strings.Contains(got, want) {
			t.Errorf("panic %q, want one with %q", got, want)
		}
	}()
	f()
}

func TestRunAllocatesNothing(t *testing.T) {
	p := New(2)
	defer p.Close()
	s := &sum{make([]int, 4)}
	if n := allocs.Of(100, func() { p.Run(s, 4) }); n != 0 {
		t.Errorf("%v allocations in 100 runs, want 0", n)
	}
}

func TestCloseTwice(t *testing.T) {
	p := New(3)
	p.Close()
	p.Close()
}

type nothing struct{}

func (nothing) Do(_, _ int) {}

func BenchmarkRun(b *testing.B) {
	p := New(0)
	defer p.Close()
	for b.Loop() {
		p.Run(nothing{}, p.Threads())
	}
}

// A chain is a piece of that many additions, each of which waits for the last.
type chain struct {
	n    int
	sums [2]struct {
		v float64
		_ line
	}
}

func (c *chain) Do(worker, _ int) {
	v := c.sums[worker].v
	for range c.n {
		v++
	}
	c.sums[worker].v = v
}

// BenchmarkHandOut does eight short pieces on one thread and on two. What two
// take beyond half of what one takes is the price of handing out.
func BenchmarkHandOut(b *testing.B) {
	for _, n := range []int{100, 300, 1000} {
		for threads := 1; threads <= 2; threads++ {
			b.Run(fmt.Sprintf("%d/threads=%d", n, threads), func(b *testing.B) {
				p := New(threads)
				defer p.Close()
				for c := (&chain{n: n}); b.Loop(); {
					p.Run(c, 8)
				}
			})
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name           string
		waited, worked time.Duration
		pieces, own    uint32
		solo           time.Duration
	}{
		{"helped as much as it was waited for", 2 * time.Millisecond, 2 * time.Millisecond, 8, 4, 0},
		{"a little late", spinFor, 10 * time.Microsecond, 8, 7, 0},
		{"lost its core", 2 * time.Millisecond, 80 * time.Microsecond, 9, 8, 2 * soloFactor * time.Millisecond},
		{"lost it for long", time.Second, 80 * time.Microsecond, 9, 8, maxSolo},
		{"did all but nothing in time", time.Second, 0, 2, 0, maxSolo},
	} {
		p := &Pool{}
		at := now()
		p.judge(c.waited, c.worked, c.own, c.pieces-c.own)
		if got := p.solo; c.solo == 0 && got != 0 || c.solo != 0 && (got < at+c.solo || got > now()+c.solo) {
			t.Errorf("%s: alone until %v, want %v after %v", c.name, got, c.solo, at)
		}
	}
}

// both is a task of two pieces that ends only if two workers take them.
type both struct{ met chan struct{} }

func (b *both) Do(_, piece int) {
	if piece == 0 {
		b.met <- struct{}{}
	} else {
		<-b.met
	}
}

func TestCallerAlone(t *testing.T) {
	p := New(2)
	defer p.Close()
	p.solo = now() + time.Hour
	c := &count{hits: make([]atomic.Int32, 100), threads: 1, slow: -1} // other workers are an error
	if p.Run(c, 100); c.bad.Load() != 0 {
		t.Errorf("%d pieces were not the caller's", c.bad.Load())
	}
	p.solo = now() // that while is over
	p.Run(&both{make(chan struct{})}, 2)
}
