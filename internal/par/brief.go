package par

import (
	"math/bits"
	"time"
)

// A run that takes a microsecond or two can cost more to hand out than help saves.
// How much it costs depends on where the cores are: a line of a cache goes there and
// back three times as fast within a chiplet as between two, and a virtual machine's
// cores move. So a pool measures both: what such a trip takes now, and what runs of a
// kind and a size take one thread.

// A Kind is a sort of tasks of which those of about one size take about as long.
type Kind uint8

const kinds = 8 // that there may be

const (
	// A run costs so many trips to hand out, there and back, of each what does not hide
	// behind other work. Two small models were fastest where help had to save one to two
	// whole trips within a chiplet, of 0.16 µs, and four to seven between two, of 0.55 µs.
	briefTrips = 6
	tripHidden = 110 * time.Nanosecond

	briefMost  = 50 * time.Microsecond // longer tasks are shared, whatever a trip takes
	timedEvery = 16                    // of the shared runs of a habit, one is timed
	tripEvery  = time.Millisecond      // trips are timed
	tripMost   = 10 * time.Microsecond // what takes longer is a core that is gone
)

// A habit is what runs of a kind and about one size take.
type habit struct {
	alone time.Duration // they take one thread; 0: not known
	count uint32        // of those that were shared
}

// learn takes in what one thread took. What took longer than the ones before was
// perhaps interrupted, and counts less.
func (h *habit) learn(took time.Duration) {
	switch d := took - h.alone; {
	case h.alone == 0:
		h.alone = took
	case d < 0:
		h.alone += d / 2
	default:
		h.alone += min(d, h.alone) / 16
	}
}

// sizeClasses is how many classes of sizes there are.
const sizeClasses = 4 * bits.UintSize

// sizeClass returns the class of a size: four between a power of two and the next.
func sizeClass(size int) int {
	n := bits.Len(uint(size))
	if n < 3 {
		return size
	}
	return 4*(n-2) + size>>(n-3)&3
}

// RunBrief is [Pool.Run] of a task that may be so brief that the caller alone is done
// sooner. size counts, in any unit, what there is to do of its kind.
func (p *Pool) RunBrief(t Task, pieces int, k Kind, size int) {
	p.begin(t, pieces, &p.habits[k][sizeClass(size)])
}

// helps reports whether a run like h, that begins at a time, ends sooner if it is shared.
func (p *Pool) helps(h *habit, at time.Duration) bool {
	if h.alone >= briefMost {
		return true
	}
	if at >= p.nextTrip {
		p.timeTrip()
	}
	return h.alone-h.alone/time.Duration(p.threads) > briefTrips*max(0, p.trip-tripHidden)
}

// timeTrip measures how long it takes until all workers have answered, unless some are
// parked or gone.
func (p *Pool) timeTrip() {
	const trips = 3
	var best time.Duration
	for range trips {
		took, ok := p.travel()
		if !ok {
			best = p.trip
			break
		}
		if best == 0 || took < best {
			best = took
		}
	}
	p.trip = best
	p.nextTrip = now() + tripEvery
}

// travel does a run of nothing, of which the caller leaves each worker its piece. It
// returns how long that took; ok is false if they did not do them at once.
func (p *Pool) travel() (took time.Duration, ok bool) {
	for i := range p.workers {
		if p.workers[i].parked.Load() {
			return 0, false
		}
	}
	start := now()
	p.task, p.from = trip{}, 0
	run := p.hand(p.threads)
	p.helped += uint32(p.threads) - p.claimOf(0, 0, run)
	for !p.finishedAll() {
		if now()-start > tripMost {
			p.helped -= p.takeOver(0, run)
			p.join(&Ahead{})
			return 0, false
		}
	}
	return now() - start, true
}

// A trip is a task without work.
type trip struct{}

func (trip) Do(_, _ int) {}
