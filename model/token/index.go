package token

import (
	"math/bits"
	"math/rand/v2"

	"limbeck/internal/pages"
)

// An index finds tokens: it is a map of strings to ids that is filled and searched
// in a fraction of a map's time, which every start of a program waits for.
type index struct {
	tokens []string
	unique bool        // no two tokens are equal
	keys   [3]uint64   // of this index alone: no file can have its tokens collide
	slots  []indexSlot // a power of two, at most two thirds of them taken
}

// An indexSlot holds a token's number, counted from 1, and another part of its hash
// than the slot's, which mostly spares a look at the token. It is free if zero.
type indexSlot struct{ hash, number uint32 }

// newIndex returns an index of tokens, which must not change; of equal ones the
// first counts.
func newIndex(tokens []string) *index {
	x := &index{tokens: tokens, unique: true, slots: pages.Make[indexSlot](tableSize(len(tokens)))}
	for i := range x.keys {
		x.keys[i] = rand.Uint64()
	}
	for i, token := range tokens {
		slot, hash := x.slot(token)
		if slot.number != 0 {
			x.unique = false
			continue
		}
		*slot = indexSlot{hash, uint32(i + 1)}
	}
	return x
}

// tableSize returns a power of two that leaves a third of a table for n things free.
func tableSize(n int) int {
	size := 2
	for 2*size < 3*n {
		size *= 2
	}
	return size
}

// slot returns the slot of a token, or the free one where it would be, and what of
// its hash is kept there.
func (x *index) slot(token string) (*indexSlot, uint32) {
	h := x.hash(token)
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

// hash is made of products of 128 bits, whose halves are joined (as in wyhash, Wang Yi
// 2019): of a short token in a fraction of the time of [hash/maphash].
func (x *index) hash(token string) uint64 {
	h := fold(head(token)^x.keys[0], uint64(len(token))^x.keys[1])
	for i := 8; i < len(token); i += 8 {
		h = fold(h^word(token[min(i, len(token)-8):]), x.keys[2])
	}
	return h
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// head returns the first 8 bytes of s, zeros after its end.
func head(s string) uint64 {
	switch n := len(s); {
	case n >= 8:
		return word(s)
	case n >= 4: // bytes in the middle come twice, to the same place
		return uint64(half(s)) | uint64(half(s[n-4:]))<<(8*(n-4))
	case n > 0:
		return uint64(s[0]) | uint64(s[n/2])<<(8*(n/2)) | uint64(s[n-1])<<(8*(n-1))
	}
	return 0
}

// word and half return the 8 and 4 bytes that s begins with.
func word(s string) uint64 { return uint64(half(s)) | uint64(half(s[4:]))<<32 }

func half(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
