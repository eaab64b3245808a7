package par

import (
	"testing"
	"time"
)

// busyTask takes so long for each piece, or longer.
type busyTask time.Duration

func (b busyTask) Do(_, _ int) {
	for start := time.Now(); time.Since(start) < time.Duration(b); {
	}
}

// All pieces are worked on, and no thread works outside of a run.
func TestWatch(t *testing.T) {
	for _, threads := range []int{1, 2} {
		p := New(threads)
		const piece = busyTask(100 * time.Microsecond)
		p.Run(piece, 5) // not watched yet
		p.Watch()
		if runs, work := p.Spent(); runs != 0 || work != 0 {
			t.Errorf("%d threads: %v, %v before the first run", threads, runs, work)
		}
		for range 10 {
			p.Run(piece, 5)
			p.Run(piece, 1)
		}
		const least = 10 * (5 + 1) * time.Duration(piece)
		if runs, work := p.Spent(); work < least || work > time.Duration(threads)*runs {
			t.Errorf("%d threads: %v at work in runs of %v, want %v at least, and no more than each thread all the time", threads, work, runs, least)
		}
		p.Close()
	}
}
