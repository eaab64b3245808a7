package recipe

import (
	"fmt"
	"slices"
)

// Distill trains the student to do as the teacher does. The loss is
//
//	hard·CE(labels) + response·T²·D(p‖q) + feature·L_feature + relation·L_relation
//
// with p the teacher's and q the student's probabilities at temperature T.
type Distill struct {
	Response      float64 `json:"response" default:"1" min:"0" max:"1e6" doc:"weight of the teacher's probabilities (soft labels)"`
	Feature       float64 `json:"feature" default:"0" min:"0" max:"1e6" doc:"weight of the teacher's hidden states"`
	Relation      float64 `json:"relation" default:"0" min:"0" max:"1e6" doc:"weight of the teacher's relations between tokens: three divergences, of queries, keys and values, added up"`
	Hard          float64 `json:"hard" default:"0.5" min:"0" max:"1e6" doc:"weight of the data's own labels"`
	Temperature   float64 `json:"temperature" default:"2" over:"0" max:"100" doc:"softens both models' probabilities"`
	Divergence    string  `json:"divergence" default:"forward" one:"forward reverse" doc:"forward: KL(teacher‖student); reverse: KL(student‖teacher)"`
	Cache         string  `json:"cache" default:"live" one:"live topk" doc:"live: the teacher runs beside; topk: its best tokens are stored first"`
	TopK          int     `json:"topk" default:"64" min:"1" max:"65536" doc:"tokens a position in the cache; the rest is one bucket"`
	RelationHeads int     `json:"relation_heads" default:"0" min:"0" max:"4096" doc:"heads that relations are split into; 0: as many, up to 12, as both models' queries, keys and values can be cut into"`

	// LayerPairs does not stand in the settings of a step that has none, whose key so
	// stays what it was.
	LayerPairs [][2]int `json:"layer_pairs,omitempty" default:"" min:"0" doc:"pairs of layers whose hidden states feature compares, the student's and the teacher's, numbers from 0, as [[0, 1], [2, 29]]; empty: all of the student's, each with the teacher's at the same share of the depth"`
	Train      `inline:"epochs=3 lr=5e-4"`
}

// Taught tells whether the student learns from the teacher, and not from the data's
// own labels alone.
func (d *Distill) Taught() bool { return d.Response > 0 || d.beside() }

// beside tells whether the student learns what only a teacher that runs beside it can
// tell, and no cache holds.
func (d *Distill) beside() bool { return d.Feature+d.Relation > 0 }

// Cached tells whether what the teacher says is stored before the training.
func (d *Distill) Cached() bool { return d.Cache == "topk" && d.Response > 0 }

func (d *Distill) check(at report) {
	if !d.Taught() && d.Hard == 0 {
		at("response", "all weights are 0: there is nothing to learn", "one of response, feature, relation and hard over 0")
	}
	if d.Cache == "topk" && d.beside() {
		at("cache", "a cache holds probabilities only, but feature or relation is asked for", "cache: live, or feature: 0 and relation: 0")
	}
	if len(d.LayerPairs) > 0 && d.Feature == 0 {
		at("layer_pairs", "names what feature compares, but feature is 0", "feature over 0, or no layer_pairs")
	}
	if d.RelationHeads > 0 && d.Relation == 0 {
		at("relation_heads", "splits what relation compares, but relation is 0", "relation over 0, or no relation_heads")
	}
	for i, p := range d.LayerPairs {
		if slices.Contains(d.LayerPairs[:i], p) {
			at(fmt.Sprintf("layer_pairs[%d]", i), fmt.Sprintf("the pair [%d, %d] was there before", p[0], p[1]), "each pair once")
		}
	}
	if d.LoRA != nil && d.Feature > 0 {
		at("feature", "trains projections, which adapters leave out", "feature: 0, or no lora")
	}
	if d.ReplyTokens > 0 {
		at("reply_tokens", "the student has its teacher's tokens", "reply_tokens in the teacher's train")
	}
	d.Train.check(at)
}

func (d *Distill) idle(at report) {
	usual := Default[Distill]()
	if d.Response == 0 && d.Temperature != usual.Temperature {
		at("temperature", "changes nothing: it softens what response compares, but response is 0", "response over 0, or no temperature")
	}
	if d.Response == 0 && d.Divergence != usual.Divergence {
		at("divergence", "changes nothing: it is what response goes by, but response is 0", "response over 0, or no divergence")
	}
	if !d.Cached() && d.TopK != usual.TopK {
		at("topk", "changes nothing: it is the width of a cache, but none is made", "cache: topk and response over 0, or no topk")
	}
	d.Train.idle(at)
}
