package recipe

// Synthesize makes further examples for the student: the model that the teacher
// began as learns to write prompts like the data's, it writes new ones, and the
// teacher answers them. The student so meets words and combinations that the
// data lacks but the large model knows.
type Synthesize struct {
	Prompts       Count   `json:"prompts" default:"10k" min:"1" doc:"prompts to write; those that the data has, or that repeat, are left out"`
	Temperature   float64 `json:"temperature" default:"1" over:"0" max:"10" doc:"of the prompts: more varied above 1, more usual below"`
	MinConfidence float64 `json:"min_confidence" default:"0.4" min:"0" max:"1" doc:"answers that the teacher gives a lower probability are left out"`
	Train         `inline:"epochs=1.5"`
}

func (s *Synthesize) check(at report) {
	if s.LossOn != "reply" {
		at("loss_on", "means nothing here: all of a prompt is learned", "no loss_on")
	}
	if s.ReplyTokens > 0 {
		at("reply_tokens", "its model writes prompts, not replies", "reply_tokens in the teacher's train")
	}
	s.Train.check(at)
}
