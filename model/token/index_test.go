package token

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// An index finds what a map does: of equal tokens the first, and nothing that is
// not there.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 2, 3, 1000} {
		tokens, want := make([]string, n), map[string]int{}
		for i := range tokens {
			b := make([]byte, r.IntN(3)+r.IntN(2)*r.IntN(20))
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

// Merges have the ids that a map gives: whatever the order of the wholes is, and of
// equal tokens the first.
func TestFindMerges(t *testing.T) {
	tokens := []string{"a", "b", "c", "ab", "bc", "abc", "cab", "aa", "ab", "ba", "caab"}
	lines := []string{"a b", "b c", "ab c", "a bc", "c ab", "a a", "b a", "a b", "c aa", "ca ab"}
	ids := map[string]int32{"c aa": -1, "ca ab": -1} // of which a part is missing
	for i, token := range tokens {
		if _, ok := ids[token]; !ok {
			ids[token] = int32(i)
		}
	}
	for _, vocab := range [][]string{tokens, tokens[:8]} { // with equal ones, and without
		x := newIndex(vocab)
		if x.unique != (len(vocab) == 8) {
			t.Errorf("%q: unique is %v", vocab, x.unique)
		}
		for _, line := range lines {
			a, b, _ := strings.Cut(line, " ")
			want := [3]int32{ids[a], ids[b], ids[a+b]}
			_, missing := ids[line]
			missing = missing || int(want[2]) >= len(vocab)
			for next := range len(vocab) + 1 {
				got, err := findMerge(line, x, next)
				if missing != (err != nil) || err == nil && got != want {
					t.Errorf("%q of %d tokens, after %d: %v, %v; want %v, missing %v", line, len(vocab), next-1, got, err, want, missing)
				}
			}
		}
	}
}
