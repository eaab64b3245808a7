// Package allocs counts allocations, for tests that want none.
package allocs

import (
	"math"
	"testing"
)

// rounds are how often a count may be disturbed: the runtime allocates beside it.
const rounds = 10

// Of returns how many allocations so many calls of f make, all together, after as
// many to warm up: the fewest of several rounds.
// [testing.AllocsPerRun] of more runs than one rounds their mean down: it takes
// fewer than one a run for none. Under the race detector, with which a sync.Pool
// forgets some of what it is given, it calls f and returns 0.
func Of(calls int, f func()) float64 { return OfEach(calls, func() func() { return f }) }

// OfEach is [Of] for what cannot go on for several rounds: each calls what begin returns.
func OfEach(calls int, begin func() func()) float64 {
	least := math.Inf(1)
	for round := 0; round < rounds && least > 0; round++ {
		f := begin()
		least = min(least, testing.AllocsPerRun(1, func() {
			for range calls {
				f()
			}
		}))
		if race {
			return 0
		}
	}
	return least
}
