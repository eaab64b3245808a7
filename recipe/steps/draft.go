package steps

import (
	"fmt"
	"slices"

	"limbeck/data"
	"limbeck/recipe"
)

// A Drafted recipe is made from a look at data and a teacher.
type Drafted struct {
	Recipe   *recipe.Recipe
	Remarks  map[string]string // for the keys that the look decided
	Found    string            // what the data is
	Metric   string            // that the comparison decides by
	Examples int

	ToolCalls int // rows that are left out since they call tools
}

// Shares of the teacher that a drafted student has, and the passes that its
// trainings take.
const (
	draftShare  = recipe.Share(0.5)
	draftTune   = 2
	draftEpochs = 3
)

// Draft looks at the examples of a file and at a teacher, and returns a recipe
// that trains the teacher on them, halves it, and teaches the half.
func Draft(teacher, path string) (*Drafted, error) {
	d := &Drafted{Recipe: recipe.Default[recipe.Recipe](), Remarks: map[string]string{}}
	examples, err := data.Load(path, data.Options{ToolCalls: &d.ToolCalls})
	if err != nil {
		return nil, err
	}
	examples = slices.DeleteFunc(examples, func(e data.Example) bool { return e.Split == data.Test })
	m, err := Open(teacher)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	r := d.Recipe
	d.Examples = len(examples)
	found := data.Detect(examples)
	r.Task, d.Metric, d.Found = found.Task(), found.Metric(), found.String()
	d.Remarks["task"] = "detected: " + d.Found

	stage := recipe.Default[recipe.Stage]()
	stage.Train = recipe.Default[recipe.Train]()
	stage.Train.Epochs = draftTune
	r.Teacher = []recipe.Stage{*stage}
	d.Remarks["teacher.train"] = "the large model is trained on the data first; leave it out if it was"

	r.Student.Layers.Share, r.Student.FFN.Share = draftShare, draftShare
	if err := adaptTemplate(m, examples); err != nil {
		return nil, err
	}
	set, tooLong, err := data.Sequences(m, examples, int(stage.Train.MaxTokens))
	if err != nil {
		return nil, err
	}
	used := map[int]bool{}
	for _, s := range set {
		for _, id := range s.IDs {
			used[id] = true
		}
	}
	if _, kept, err := m.Tokenizer.Spec().Prune(func(id int) bool { return used[id] }); err == nil {
		r.Student.Vocab.Count = int64(len(kept))
		d.Remarks["student.vocab"] = fmt.Sprintf("of %d: those that the data uses", m.Config().Vocab)
	}
	if len(tooLong) > 0 {
		d.Remarks["teacher.train.max_tokens"] = fmt.Sprintf("%d of %d examples are longer and left out", len(tooLong), len(examples))
	}
	r.Distill = recipe.Default[recipe.Distill]()
	r.Distill.Cache, r.Distill.Epochs = "topk", draftEpochs
	r.Quantize = recipe.Default[recipe.Quantize]()
	r.Quantize.Format = recipe.DefaultFormat
	return d, nil
}
