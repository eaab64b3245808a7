package token

import "hash/maphash"

// An index finds tokens: it is a map of strings to ids that is filled and searched
// in a third of a map's time, which every start of a program waits for.
type index struct {
	tokens []string
	seed   maphash.Seed // of this index alone: no file can have its tokens collide
	slots  []indexSlot  // a power of two, at most half of them taken
}

// An indexSlot holds a token's number, counted from 1, and another part of its hash
// than the slot's, which mostly spares a look at the token. It is free if zero.
type indexSlot struct{ hash, number uint32 }

// newIndex returns an index of tokens, which must not change; of equal ones the
// first counts.
func newIndex(tokens []string) *index {
	x := &index{tokens, maphash.MakeSeed(), make([]indexSlot, tableSize(len(tokens)))}
	for i, token := range tokens {
		if slot, hash := x.slot(token); slot.number == 0 {
			*slot = indexSlot{hash, uint32(i + 1)}
		}
	}
	return x
}

// tableSize returns a power of two that leaves half of a table for n things free.
func tableSize(n int) int {
	size := 2
	for size < 2*n {
		size *= 2
	}
	return size
}

// slot returns the slot of a token, or the free one where it would be, and what of
// its hash is kept there.
func (x *index) slot(token string) (*indexSlot, uint32) {
	h := maphash.String(x.seed, token)
	hash, mask := uint32(h>>32), uint32(len(x.slots)-1)
	for i := uint32(h) & mask; ; i = (i + 1) & mask {
		s := &x.slots[i]
		if s.number == 0 || s.hash == hash && x.tokens[s.number-1] == token {
			return s, hash
		}
	}
}

// find returns the id of a token.
func (x *index) find(token string) (id int, ok bool) {
	s, _ := x.slot(token)
	return int(s.number) - 1, s.number != 0
}
