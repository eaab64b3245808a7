package token

import (
	"math/bits"
	"math/rand/v2"
)

// A mergeTable finds the merge of a pair: it is a map that is filled in a fraction
// of a map's time; see [index].
type mergeTable struct {
	slots  []mergeSlot // a power of two, at most half of them taken
	factor uint64      // of this table alone: no file can have its pairs collide
	shift  int
}

// A mergeSlot is free if taken is not set.
type mergeSlot struct {
	pair
	rank  int32
	id    int32
	taken bool
}

// newMergeTable returns a table for n merges.
func newMergeTable(n int) *mergeTable {
	size := tableSize(n)
	return &mergeTable{make([]mergeSlot, size), rand.Uint64() | 1, 64 - bits.TrailingZeros(uint(size))}
}

// slot returns the slot of a pair, or the free one where it would be: by the upper
// bits of a product (Dietzfelbinger et al. 1997, "A reliable randomized algorithm for
// the closest-pair problem", sect. 3).
func (m *mergeTable) slot(p pair) *mergeSlot {
	i := (uint64(uint32(p.left))<<32 | uint64(uint32(p.right))) * m.factor >> m.shift
	for ; ; i++ {
		s := &m.slots[i&uint64(len(m.slots)-1)]
		if !s.taken || s.pair == p {
			return s
		}
	}
}

// put says what a pair becomes; the last word counts.
func (m *mergeTable) put(p pair, to merge) { *m.slot(p) = mergeSlot{p, to.rank, to.id, true} }

// find returns what a pair becomes.
func (m *mergeTable) find(p pair) (merge, bool) {
	s := m.slot(p)
	return merge{s.rank, s.id}, s.taken
}
