package token

// merger merges one word. The symbols form a list, so that a merge is O(1); the
// candidates a heap, so that a word of n bytes takes O(n log n) whatever its merges
// (a file may hold a megabyte without a space).
type merger struct {
	merges  *mergeTable
	symbols []symbol
	heap    []candidate
	out     []int32
}

// symbol is a token in the list; prev and next are indices, -1 at the ends. A
// symbol that was merged into the one before it has id -1.
type symbol struct{ id, prev, next int32 }

// candidate is a possible merge of the symbol at pos with the next one. It is stale
// if that pair no longer becomes id.
type candidate struct{ rank, pos, id int32 }

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.pos < d.pos
}

// load makes the list of single-byte tokens, leaving out bytes that have none.
func (m *merger) load(word string, single *[256]int32) {
	m.symbols = m.symbols[:0]
	for i := range len(word) {
		if id := single[word[i]]; id >= 0 {
			n := int32(len(m.symbols))
			m.symbols = append(m.symbols, symbol{id, n - 1, n + 1})
		}
	}
	if n := len(m.symbols); n > 0 {
		m.symbols[n-1].next = -1
	}
}

// merge applies merges until none is left.
func (m *merger) merge() {
	m.heap = m.heap[:0]
	for pos := range m.symbols {
		m.propose(int32(pos))
	}
	for len(m.heap) > 0 {
		c := m.pop()
		s := &m.symbols[c.pos]
		if s.id < 0 || s.next < 0 {
			continue
		}
		right := &m.symbols[s.next]
		if found, ok := m.merges.find(pair{s.id, right.id}); !ok || found.id != c.id {
			continue
		}
		s.id = c.id
		right.id = -1
		s.next = right.next
		if s.next >= 0 {
			m.symbols[s.next].prev = c.pos
		}
		if s.prev >= 0 {
			m.propose(s.prev)
		}
		m.propose(c.pos)
	}
}

// propose pushes the merge of the symbol at pos with the next one, if there is one.
func (m *merger) propose(pos int32) {
	s := m.symbols[pos]
	if s.next < 0 {
		return
	}
	if found, ok := m.merges.find(pair{s.id, m.symbols[s.next].id}); ok {
		m.push(candidate{found.rank, pos, found.id})
	}
}

// result returns the ids of the list, valid until the next load.
func (m *merger) result() []int32 {
	m.out = m.out[:0]
	for i := range m.symbols {
		if id := m.symbols[i].id; id >= 0 {
			m.out = append(m.out, id)
		}
	}
	return m.out
}

// push and pop keep heap a binary heap; container/heap would allocate a candidate.
func (m *merger) push(c candidate) {
	m.heap = append(m.heap, c)
	h, i := m.heap, len(m.heap)-1
	for i > 0 {
		up := (i - 1) / 2
		if !c.before(h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = c
}

func (m *merger) pop() candidate {
	h := m.heap
	top, n := h[0], len(h)-1
	last := h[n]
	m.heap = h[:n]
	i := 0
	for {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && h[down+1].before(h[down]) {
			down++
		}
		if !h[down].before(last) {
			break
		}
		h[i] = h[down]
		i = down
	}
	if n > 0 {
		h[i] = last
	}
	return top
}
