package par

import (
	"sync/atomic"
	"testing"
	"time"

	"limbeck/internal/testkit/allocs"
)

// team notes which workers had pieces; each waits a while, so that all get some.
type team struct {
	had   [4]atomic.Bool
	times atomic.Int32
}

func (m *team) Do(worker, _ int) {
	m.had[worker].Store(true)
	m.times.Add(1)
	time.Sleep(time.Millisecond)
}

// A run is shared where one thread takes longer than handing it out does, and the
// caller's alone where it does not; nothing is known at first.
func TestRunBrief(t *testing.T) {
	const kind, size, pieces = 1, 1000, 40
	for _, c := range []struct {
		name        string
		alone, trip time.Duration
		shared      bool
	}{
		{"unknown", 0, time.Nanosecond, false},
		{"brief", 3 * time.Microsecond, time.Microsecond, false},
		{"long for such trips", 15 * time.Microsecond, time.Microsecond, true},
		{"long for all trips", briefMost, time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := New(2)
			defer p.Close()
			h := &p.habits[kind][sizeClass(size)]
			h.alone, p.trip, p.nextTrip = c.alone, c.trip, now()+time.Hour
			var m team
			p.RunBrief(&m, pieces, kind, size)
			if n := m.times.Load(); n != pieces {
				t.Errorf("%d pieces done, want %d", n, pieces)
			}
			if got := m.had[1].Load(); got != c.shared {
				t.Errorf("shared: %v, want %v", got, c.shared)
			}
			if !c.shared && h.alone <= c.alone {
				t.Errorf("after a run of many milliseconds a habit of %v is one of %v", c.alone, h.alone)
			}
		})
	}
}

// What is shared is timed, too, so that a habit follows what it takes.
func TestSharedRunsAreTimed(t *testing.T) {
	p := New(2)
	defer p.Close()
	h := &p.habits[0][sizeClass(8)]
	h.alone = time.Hour
	for range 10 * timedEvery {
		p.RunBrief(&sum{make([]int, 8)}, 8, 0, 8)
	}
	if h.alone > time.Hour/1000 {
		t.Errorf("after %d runs of next to nothing: %v", 10*timedEvery, h.alone)
	}
}

func TestRunBriefAllocatesNothing(t *testing.T) {
	p := New(2)
	defer p.Close()
	s := &sum{make([]int, 4)}
	if n := allocs.Of(100, func() { p.nextTrip = 0; p.RunBrief(s, 4, 0, 4) }); n != 0 {
		t.Errorf("%v allocations in 100 runs, want 0", n)
	}
}

// One interrupted run does not make a brief task a long one.
func TestHabit(t *testing.T) {
	var h habit
	for range 20 {
		h.learn(time.Microsecond)
	}
	if h.learn(time.Second); h.alone > 1100*time.Nanosecond {
		t.Errorf("an interruption makes of 1 µs %v", h.alone)
	}
	for range 100 {
		h.learn(4 * time.Microsecond)
	}
	if h.alone < 3900*time.Nanosecond {
		t.Errorf("after 100 runs of 4 µs: %v", h.alone)
	}
}

func TestSizeClass(t *testing.T) {
	last := 0
	for size := range 1 << 12 {
		switch c := sizeClass(size); {
		case c < last || c > last+1:
			t.Fatalf("size %d is of class %d, after %d", size, c, last)
		default:
			last = c
		}
	}
	if c := sizeClass(int(^uint(0) >> 1)); c >= sizeClasses {
		t.Errorf("the largest size is of class %d of %d", c, sizeClasses)
	}
}

// A trip is timed where all workers answer, and known from before where they do not.
func TestTrip(t *testing.T) {
	p := New(2)
	defer p.Close()
	waitParked(t, "await", 1, "before the first run")
	p.trip = 7
	if p.timeTrip(); p.trip != 7 {
		t.Errorf("a trip to parked workers took %v", p.trip)
	}
	s := &sum{make([]int, 8)}
	for range 1000 {
		p.Run(s, 8)
		p.timeTrip()
	}
	if p.trip <= 0 {
		t.Errorf("a trip takes %v", p.trip)
	}
}
