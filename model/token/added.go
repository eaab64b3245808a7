package token

import (
	"sort"
	"strings"
)

// matcher finds added tokens in text: the leftmost, and of several there the
// longest, as the reference does.
type matcher struct {
	tokens []string // sorted
	ids    []int
	first  [256]bool // bytes that a token starts with
}

// newMatcher collects the tokens whose type is wanted.
func newMatcher(s Spec, wanted func(kind int32) bool) matcher {
	var m matcher
	byToken := map[string]int{}
	for id, token := range s.Tokens {
		kind := s.kind(id)
		if kind == Normal || kind == Unused || kind == Byte || token == "" || !wanted(kind) {
			continue
		}
		if _, ok := byToken[token]; !ok {
			byToken[token] = id
			m.tokens = append(m.tokens, token)
			m.first[token[0]] = true
		}
	}
	sort.Strings(m.tokens)
	for _, token := range m.tokens {
		m.ids = append(m.ids, byToken[token])
	}
	return m
}

// find returns where the first added token starts, its size and its id; without
// one, the length of the text and size 0.
func (m *matcher) find(text string) (at, size, id int) {
	if len(m.tokens) == 0 {
		return len(text), 0, -1
	}
	if len(m.tokens) == 1 { // strings.Index is vectorized
		if at = strings.Index(text, m.tokens[0]); at >= 0 {
			return at, len(m.tokens[0]), m.ids[0]
		}
		return len(text), 0, -1
	}
	for at := range len(text) {
		if m.first[text[at]] {
			if i := m.longest(text[at:]); i >= 0 {
				return at, len(m.tokens[i]), m.ids[i]
			}
		}
	}
	return len(text), 0, -1
}

// longest returns the index of the longest token that text starts with, or -1.
// The candidates are a range of the sorted tokens that each further byte narrows.
func (m *matcher) longest(text string) int {
	lo, hi, best := 0, len(m.tokens), -1
	for depth := 0; lo < hi; depth++ {
		if len(m.tokens[lo]) == depth { // sorted: the token that ends here comes first
			best = lo
			lo++
		}
		if depth == len(text) {
			break
		}
		c := text[depth]
		base := lo
		lo = base + sort.Search(hi-base, func(i int) bool { return m.tokens[base+i][depth] >= c })
		hi = lo + sort.Search(hi-lo, func(i int) bool { return m.tokens[lo+i][depth] > c })
	}
	return best
}
