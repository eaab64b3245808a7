package prune

import "limbeck/nn/op"

// channels listens for the importance of the embedding channels, which all
// layers share: their magnitude after the norms, summed over all norms.
func (imp *Importance) channels(layers int, listeners map[string]func(*op.Value), seqs *[]op.Seq) {
	add := func(v *op.Value) { addMagnitudes(imp.Channels, v, *seqs) }
	for l := range layers {
		listeners[tap(l, "attn_norm.weight.out")] = add
		listeners[tap(l, "ffn_norm.weight.out")] = add
	}
	listeners["output_norm.weight.out"] = add
}
