package prune

import (
	"slices"

	"limbeck/nn/op"
)

// heads listens for the importance of a layer's query heads: the squared Euclidean
// norm, over the head's channels, of what reaches attn_output.
func heads(layer, n, dim int, listeners map[string]func(*op.Value), seqs *[]op.Seq) []float64 {
	score := make([]float64, n)
	columns := make([]float64, n*dim)
	listeners[tap(layer, "attn_output.weight.in")] = func(v *op.Value) {
		clear(columns)
		addMagnitudes(columns, v, *seqs)
		for c, x := range columns {
			score[c/dim] += x
		}
	}
	return score
}

// groups returns the query heads and KV heads that stay of a layer: the KV
// groups of greatest total score, and within each the best heads, the same
// number in all.
func groups(score []float64, kvHeads, wantHeads, wantKV int) (heads, kv []int) {
	size, keep := len(score)/kvHeads, wantHeads/wantKV
	total := make([]float64, kvHeads)
	for g := range kvHeads {
		inGroup := slices.Clone(score[g*size : (g+1)*size])
		slices.Sort(inGroup)
		for _, s := range inGroup[size-keep:] {
			total[g] += s
		}
	}
	kv = best(total, wantKV)
	for _, g := range kv {
		for _, h := range best(score[g*size:(g+1)*size], keep) {
			heads = append(heads, g*size+h)
		}
	}
	return heads, kv
}
