package par

import (
	"testing"
	"time"
)

// Where every long spin is in vain, they take no more than their share of the
// time, after a first burst; where they are answered they go on.
func TestLongSpinsInVainAreBounded(t *testing.T) {
	var l lookout
	var vain time.Duration
	const end = 10 * time.Second
	for at := time.Duration(0); at < end; at += 100 * time.Microsecond {
		spin := l.spin(spinFor, at)
		at += spin
		if spin > spinFor {
			vain += spin
			l.vain(spin, at)
		}
	}
	if most := (end + spinAhead + spinShare*spinLong) / spinShare; vain > most || vain < most/2 {
		t.Errorf("of %v, %v were spun in vain, want at most %v and at least half of that", end, vain, most)
	}
	var answered lookout
	for range 1000 {
		if spin := answered.spin(spinFor, time.Second); spin != spinLong {
			t.Fatalf("spins that are answered become %v long, want %v", spin, spinLong)
		}
	}
}

// Short spins in vain cost nothing: they are as they were without long ones.
func TestShortSpinsAreNotCounted(t *testing.T) {
	var l lookout
	for range 1000 {
		l.vain(spinFor+time.Microsecond, time.Second)
	}
	if spin := l.spin(spinFor, time.Second); spin != spinLong {
		t.Errorf("after short spins in vain the next is %v long, want %v", spin, spinLong)
	}
}

// With more threads than cores no worker spins.
func TestPoolsThatDoNotSpinNeverDo(t *testing.T) {
	var l lookout
	if spin := l.spin(0, time.Second); spin != 0 {
		t.Errorf("it spins for %v, want 0", spin)
	}
}
