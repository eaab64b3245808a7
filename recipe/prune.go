package recipe

import "fmt"

// Prune says how what the student does not need is found. It matters when the
// student comes from the teacher and has another shape: layers go by block
// influence unless they are named, neurons, heads and channels by activation,
// tokens by how often the data uses them.
type Prune struct {
	Calibration Count `json:"calibration" default:"512" min:"1" doc:"training examples run through the teacher to measure activations"`
	KeepLayers  []int `json:"keep_layers" default:"" min:"0" doc:"the teacher's layers to keep, counted from 0, as many as student.layers; empty: those of greatest influence"`
	KeepTokens  File  `json:"keep_tokens" default:"" doc:"a text whose tokens stay too, beside those of the data"`
}

func (p *Prune) check(at report) {
	for i, layer := range p.KeepLayers {
		if i > 0 && layer <= p.KeepLayers[i-1] {
			at("keep_layers", fmt.Sprintf("layer %d comes after layer %d", layer, p.KeepLayers[i-1]), "numbers in ascending order, each once")
			return
		}
	}
}

// idlePrune tells of what is said of pruning though a student is not cut, or not by that.
func (r *Recipe) idlePrune(at report) {
	s, p := &r.Student, &r.Prune
	scratch := s.From.Text == FromScratch
	cut := !s.From.Model() && (s.Reshaped() || scratch)
	if p.Calibration != Default[Prune]().Calibration {
		switch {
		case scratch:
			at("prune.calibration", "changes nothing: the weights of a student from scratch are drawn anew", "student.from: teacher, or no calibration")
		case !cut:
			at("prune.calibration", "changes nothing: it is for cutting the student, which keeps its shape", "a smaller shape of the teacher as student, or no calibration")
		}
	}
	if p.KeepTokens != "" && (!cut || s.Vocab == (Dim{}) && s.Params == 0) {
		at("prune.keep_tokens", "changes nothing: the student keeps all tokens", "student.vocab or student.params, or no keep_tokens")
	}
	if len(p.KeepLayers) > 0 && scratch {
		at("prune.keep_layers", "changes nothing: the layers of a student from scratch are drawn anew", "student.from: teacher, or no keep_layers")
	}
}
