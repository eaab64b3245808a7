package prune

import (
	"math"

	"limbeck/nn/op"
)

// channelNorms listens for the importance of the embedding channels, which all
// layers share: their magnitude after each norm, whose squares are returned.
func channelNorms(layers, width int, listeners map[string]func(*op.Value), seqs *[]op.Seq) (norms [][]float64) {
	listen := func(name string) {
		squares := make([]float64, width)
		listeners[name] = func(v *op.Value) { addMagnitudes(squares, v, *seqs) }
		norms = append(norms, squares)
	}
	for l := range layers {
		listen(tap(l, "attn_norm.weight.out"))
		listen(tap(l, "ffn_norm.weight.out"))
	}
	listen("output_norm.weight.out")
	return norms
}

// addChannels adds the magnitudes of all norms.
func (imp *Importance) addChannels(norms [][]float64) {
	for _, squares := range norms {
		for c, x := range squares {
			imp.Channels[c] += math.Sqrt(x)
		}
	}
}
