package token

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
)

const (
	cacheSlots = 1 << 14 // words; a text's working set is smaller
	cacheWord  = 64      // longer words hardly come twice [bytes]
)

// wordCache remembers the ids of recent words. Each word has one slot, in which the
// last comer stays: bounded, and without a lock.
type wordCache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[cached]
}

type cached struct {
	word string
	ids  []int32
}

func newWordCache() wordCache {
	return wordCache{maphash.MakeSeed(), make([]atomic.Pointer[cached], cacheSlots)}
}

func (c *wordCache) slot(word string) *atomic.Pointer[cached] {
	return &c.slots[maphash.String(c.seed, word)%cacheSlots]
}

// get returns the ids of a word, which the caller must not change.
func (c *wordCache) get(word string) ([]int32, bool) {
	if len(word) > cacheWord {
		return nil, false
	}
	if e := c.slot(word).Load(); e != nil && e.word == word {
		return e.ids, true
	}
	return nil, false
}

// put keeps copies: the word must not hold on to the text that it is a part of.
func (c *wordCache) put(word string, ids []int32) {
	if len(word) <= cacheWord {
		c.slot(word).Store(&cached{strings.Clone(word), slices.Clone(ids)})
	}
}
