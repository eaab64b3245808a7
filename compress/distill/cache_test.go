package distill

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLikeliest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		p := make([]float32, 1+rng.IntN(60))
		for i := range p {
			p[i] = float32(rng.IntN(12)) // many are equal
		}
		k := rng.IntN(len(p) + 1)
		want := make([]int32, len(p))
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortFunc(want, func(a, b int32) int { return cmp.Or(cmp.Compare(p[b], p[a]), cmp.Compare(a, b)) })
		want = want[:k]
		slices.Sort(want)
		got := likeliest(nil, p, k)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("likeliest %d of %v: %v, want %v", k, p, got, want)
		}
	}
}
