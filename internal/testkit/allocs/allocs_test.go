package allocs

import "testing"

var kept *[64]int

// One allocation in ten calls is counted, and none is none.
func TestOf(t *testing.T) {
	if race {
		t.Skip("the race detector is on")
	}
	calls := 0
	rare := func() {
		if calls++; calls%10 == 0 {
			kept = new([64]int)
		}
	}
	if n := testing.AllocsPerRun(10, rare); n != 0 {
		t.Errorf("AllocsPerRun says %v of one allocation in ten runs: it rounds no more", n)
	}
	if n := Of(10, rare); n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
	if n := Of(10, func() { calls++ }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
