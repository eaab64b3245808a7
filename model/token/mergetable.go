package token

import (
	"math/bits"
	"math/rand/v2"

	"limbeck/internal/pages"
)

// A mergeTable finds the merge of a pair: it is a map that is filled in a fraction
// of a map's time; see [index].
type mergeTable struct {
	slots  []mergeSlot // a power of two, at most two thirds of them taken
	factor uint64      // of this table alone: no file can have its pairs collide
	shift  int
}

// A mergeSlot is free if zero.
type mergeSlot struct {
	pair
	rank   int32
	number int32 // of the token that the pair becomes, its id counted from 1
}

// newMergeTable returns a table for n merges.
func newMergeTable(n int) *mergeTable {
	size := tableSize(n)
	return &mergeTable{pages.Make[mergeSlot](size), rand.Uint64() | 1, 64 - bits.TrailingZeros(uint(size))}
}

// slot returns the slot of a pair, or the free one where it would be: by the upper
// bits of a product (Dietzfelbinger et al. 1997, "A reliable randomized algorithm for
// the closest-pair problem", sect. 3).
func (m *mergeTable) slot(p pair) *mergeSlot {
	i := (uint64(uint32(p.left))<<32 | uint64(uint32(p.right))) * m.factor >> m.shift
	for ; ; i++ {
		s := &m.slots[i&uint64(len(m.slots)-1)]
		if s.number == 0 || s.pair == p {
			return s
		}
	}
}

// put says what a pair becomes; the last word counts.
func (m *mergeTable) put(p pair, to merge) { *m.slot(p) = mergeSlot{p, to.rank, to.id + 1} }

// find returns what a pair becomes.
func (m *mergeTable) find(p pair) (merge, bool) {
	s := m.slot(p)
	return merge{s.rank, s.number - 1}, s.number != 0
}
