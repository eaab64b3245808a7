package token

import (
	"slices"
	"sort"
	"sync"
)

// matcher finds added tokens in text: the leftmost, and of several there the
// longest, as the reference does. It reads a text from its end, by the automaton of
// Aho and Corasick (1975, "Efficient string matching") for the tokens read backward,
// which knows at each byte the longest token that begins there: some steps a byte,
// whatever the tokens are.
type matcher struct {
	nodes   []node     // a trie, the root first, others by depth; one more, so that each has a next
	chars   []byte     // by node: the byte that leads to it
	roots   [256]int32 // the root's children by their bytes, 0 where there is none
	longest int        // of the tokens that are looked for [bytes]
}

// A node stands for bytes that some token ends with.
type node struct {
	first int32 // of its children, with one more byte to the left; the next node's first ends them
	rest  int32 // the node of most of its bytes without the last ones
	id    int32 // of the longest token that they begin with, -1 if none
}

// newMatcher collects the tokens whose type is wanted.
func newMatcher(s Spec, wanted func(kind int32) bool) matcher {
	var m matcher
	var all []string // the tokens read backward
	ids := map[string]int32{}
	for id, token := range s.Tokens {
		kind := s.kind(id)
		if kind == Normal || kind == Unused || kind == Byte || token == "" || !wanted(kind) {
			continue
		}
		back := []byte(token)
		slices.Reverse(back)
		if _, ok := ids[string(back)]; !ok {
			ids[string(back)] = int32(id)
			all = append(all, string(back))
			m.longest = max(m.longest, len(token))
		}
	}
	slices.Sort(all)
	m.build(all, ids)
	return m
}

// build makes the nodes of sorted tokens, read backward. What a node needs to know
// of shorter ones is there when it is made.
func (m *matcher) build(tokens []string, ids map[string]int32) {
	type part struct{ lo, hi, depth int32 } // the tokens that begin with a node's bytes
	parts := []part{{0, int32(len(tokens)), 0}}
	m.nodes, m.chars = []node{{id: -1}}, []byte{0}
	for i := 0; i < len(parts); i++ {
		n, p := &m.nodes[i], parts[i]
		n.first, n.id = int32(len(parts)), m.nodes[n.rest].id
		if p.lo < p.hi && len(tokens[p.lo]) == int(p.depth) { // sorted: the shortest is the first
			n.id = ids[tokens[p.lo]]
			p.lo++
		}
		rest := n.rest
		for p.lo < p.hi {
			c, child := tokens[p.lo][p.depth], node{}
			if i > 0 {
				child.rest = m.step(rest, c)
			} else {
				m.roots[c] = int32(len(parts))
			}
			same := int32(sort.Search(int(p.hi-p.lo), func(k int) bool { return tokens[int(p.lo)+k][p.depth] > c }))
			m.nodes, m.chars = append(m.nodes, child), append(m.chars, c)
			parts = append(parts, part{p.lo, p.lo + same, p.depth + 1})
			p.lo += same
		}
	}
	m.nodes = append(m.nodes, node{first: int32(len(parts))})
}

// step returns the node after n where c is the next byte to the left.
func (m *matcher) step(n int32, c byte) int32 {
	for n != 0 {
		first, end := m.nodes[n].first, m.nodes[n+1].first
		if i, ok := slices.BinarySearch(m.chars[first:end], c); ok {
			return first + int32(i)
		}
		n = m.nodes[n].rest
	}
	return m.roots[c]
}

// block is how much of a text is looked through at once. [bytes]
const block = 4096

// A place is where an added token begins.
type place struct{ at, id int }

// places are lent to those who look for added tokens.
var places = sync.Pool{New: func() any { return new([block]place) }}

// find fills found with the places in the block of text from lo on where an added
// token begins, and the longest there, from right to left; some lie in others. It
// returns their number. As much is read after the block as a token that begins in it
// may have there.
func (m *matcher) find(found *[block]place, text string, lo int) int {
	count, n := 0, int32(0)
	for at := min(lo+block+m.longest-1, len(text)) - 1; at >= lo; at-- {
		if n == 0 && m.roots[text[at]] == 0 { // most often, and step is a call
			continue
		}
		n = m.step(n, text[at])
		if id := m.nodes[n].id; id >= 0 && at < lo+block {
			found[count] = place{at, int(id)}
			count++
		}
	}
	return count
}
