package recipe

import "fmt"

// A Stage is one model on the way to the teacher: a model as it is, or trained
// further. The last stage is the teacher.
type Stage struct {
	From     Ref    `json:"from" short:"yes" doc:"a model: a GGUF file, a folder in Hugging Face's layout, or builtin:NAME"`
	Train    *Train `json:"train,omitempty" doc:"trains it on the data first"`
	Ensemble int    `json:"ensemble" default:"1" min:"1" max:"16" doc:"trains this many with different seeds; their mean teaches in distill; prune and synthesize take the first"`
	License  string `json:"license" default:"" doc:"the model's license, if its file does not say"`

	// Drawn: From is a file that a command made of random weights, and removes. Its
	// own history says all of it.
	Drawn bool `json:"-"`
}

func (s *Stage) check(at report) {
	if s.Ensemble > 1 && s.Train == nil {
		at("ensemble", "without train, all its members would be the same model", "train: {…} beside it, or ensemble: 1")
	}
	if s.Ensemble > 1 && s.Train != nil && s.Train.Seed != 0 {
		at("train.seed", fmt.Sprintf("makes the %d models of the ensemble alike", s.Ensemble), "no seed: each has the one after its neighbor's")
	}
}
