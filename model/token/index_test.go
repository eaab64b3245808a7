package token

import (
	"math/rand/v2"
	"testing"
)

// An index finds what a map does: of equal tokens the first, and nothing that is
// not there.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 2, 3, 1000} {
		tokens, want := make([]string, n), map[string]int{}
		for i := range tokens {
			b := make([]byte, r.IntN(3))
			for j := range b {
				b[j] = byte('a' + r.IntN(26))
			}
			tokens[i] = string(b)
			if _, ok := want[tokens[i]]; !ok {
				want[tokens[i]] = i
			}
		}
		x := newIndex(tokens)
		for token, id := range want {
			if got, ok := x.find(token); got != id || !ok {
				t.Errorf("%d tokens: %q is %d, %v; want %d", n, token, got, ok, id)
			}
		}
		for _, token := range []string{"A", "abc", "a\x00"} {
			if got, ok := x.find(token); ok {
				t.Errorf("%d tokens: %q is %d, want none", n, token, got)
			}
		}
	}
}

// A table of merges finds what a map does: of equal pairs the last.
func TestMergeTable(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{0, 1, 2, 3, 1000} {
		m, want := newMergeTable(n), map[pair]merge{}
		for rank := range n {
			p, to := pair{r.Int32N(40), r.Int32N(40) * 1000}, merge{int32(rank), r.Int32()}
			m.put(p, to)
			want[p] = to
		}
		for p, to := range want {
			if got, ok := m.find(p); got != to || !ok {
				t.Errorf("%d merges: %v is %v, %v; want %v", n, p, got, ok, to)
			}
		}
		for _, p := range []pair{{41, 0}, {0, 1}, {-1, -1}} {
			if got, ok := m.find(p); ok {
				t.Errorf("%d merges: %v is %v, want none", n, p, got)
			}
		}
	}
}
