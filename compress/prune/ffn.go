package prune

import "limbeck/nn/op"

// neurons listens for the importance of a layer's feed-forward neurons: the
// magnitude of what reaches ffn_down.
func neurons(layer, n int, listeners map[string]func(*op.Value), seqs *[]op.Seq) []float64 {
	score := make([]float64, n)
	listeners[tap(layer, "ffn_down.weight.in")] = func(v *op.Value) { addMagnitudes(score, v, *seqs) }
	return score
}
