package model

import (
	"slices"
	"strings"
)

// A Part is a group of a model's tensors.
type Part struct {
	Name    string   `json:"name"`
	Params  int      `json:"parameters"`
	Bytes   int      `json:"bytes"`
	Formats []string `json:"formats"` // in the order in which they occur
}

// partNames are the parts in the order in which people expect them.
var partNames = []string{"embedding", "attention", "feed-forward", "norms", "output"}

// partOf returns the part of a tensor, by its name in GGUF.
func partOf(tensor string) string {
	switch {
	case strings.Contains(tensor, "norm"):
		return "norms"
	case strings.Contains(tensor, "attn"):
		return "attention"
	case strings.Contains(tensor, "ffn"):
		return "feed-forward"
	case strings.HasPrefix(tensor, "output"):
		return "output"
	}
	return "embedding"
}

// Parts returns what m's weights are for and what they take, without the parts
// that m does not have. It is to be called before [Model.Pack].
func (m *Model) Parts() []Part {
	parts := make([]Part, len(partNames))
	for i, name := range partNames {
		parts[i].Name = name
	}
	for _, w := range m.Weights() {
		p := &parts[slices.Index(partNames, partOf(w.Name))]
		p.Params += w.Rows * w.Cols
		p.Bytes += w.Bytes()
		if f := w.Type().Name; !slices.Contains(p.Formats, f) {
			p.Formats = append(p.Formats, f)
		}
	}
	return slices.DeleteFunc(parts, func(p Part) bool { return p.Params == 0 })
}
