package par

import "time"

// A lookout decides how long a worker spins before it parks: longer than usual only
// while what such spins cost in vain is a small part of the time. They pay where a
// run ends late because its last piece is long or a core falters, not where other
// programs want the cores.
type lookout struct {
	next time.Duration // when the spins in vain so far are paid for
}

const (
	spinLong  = 500 * time.Microsecond
	spinShare = 20                     // one part of so many of the time may be spun in vain
	spinAhead = 100 * time.Millisecond // taken over stretches of about this length
)

// spin returns how long to spin from now on, in a pool that usually does for so
// long; one that does not spin at all never does.
func (l *lookout) spin(usual, now time.Duration) time.Duration {
	if usual == 0 || now < l.next {
		return usual
	}
	return spinLong
}

// vain counts a spin that now ends unanswered.
func (l *lookout) vain(spun, now time.Duration) {
	if spun >= spinLong {
		l.next = max(l.next, now-spinAhead) + spinShare*spun
	}
}
