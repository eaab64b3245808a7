package run

import (
	"cmp"
	"slices"
)

// An Origin is a file or bytes that the program holds, of which an input of a
// step was made, by however many steps.
type Origin struct {
	Input   string   // what the step calls the input
	Through []string // kinds of the steps that made the input of it, the first one first
	Name    string   // as the user wrote it
	Key     string   // the recipe's key that names it, as "data.train"
	Digest  string   // hexadecimal SHA-256
	License string   // as the recipe has it
	Stated  string   // the license that the file itself states
	Labels  string   // where the labels in it came from
}

// trace returns the origins of n's inputs. at holds the steps before it.
func (n *Planned) trace(at map[*Step]*Planned) []Origin {
	var out []Origin
	for i, in := range n.Inputs {
		if in.Of == nil {
			name := cmp.Or(in.Shown, in.Path)
			out = append(out, Origin{in.Name, nil, name, in.Key, n.inputs[i].Digest, in.License, in.Stated, in.Labels})
			continue
		}
		for _, o := range at[in.Of].origins {
			o.Input, o.Labels = in.Name, cmp.Or(in.Labels, o.Labels)
			o.Through = append(slices.Clone(o.Through), in.Of.Kind)
			out = append(out, o)
		}
	}
	return out
}
