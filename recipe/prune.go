package recipe

import "slices"

// Prune says how the student's shape is cut out of the teacher. It matters
// when the student comes from the teacher and has another shape.
type Prune struct {
	Order       []string `json:"order" default:"vocab depth width" one:"vocab depth width" doc:"what is cut first"`
	Depth       string   `json:"depth" default:"block_influence" one:"block_influence leave_one_out" doc:"how layers are ranked"`
	Width       string   `json:"width" default:"activation" one:"activation magnitude" doc:"how neurons, heads and channels are ranked"`
	Rounds      int      `json:"rounds" default:"1" min:"1" max:"10" doc:"cuts in equal parts, with distillation between"`
	Heal        float64  `json:"heal" default:"1" min:"0" max:"1000" doc:"epochs of distillation between two rounds"`
	Calibration Count    `json:"calibration" default:"512" min:"1" doc:"training examples run through the teacher to measure activations"`
	KeepTokens  File     `json:"keep_tokens" default:"" doc:"a text whose tokens stay too, beside those of the data"`
}

func (p *Prune) check(at report) {
	for i, o := range p.Order {
		if slices.Contains(p.Order[:i], o) {
			at("order", "names "+o+" twice", "each of vocab, depth and width once")
		}
	}
}
