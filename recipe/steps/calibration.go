package steps

import (
	"slices"

	"limbeck/data"
	"limbeck/internal/disk"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/recipe/run"
	"limbeck/train"
)

// A calibrationSet is the training examples that were not made of others, the
// beginnings of some, and how often each token occurs in all of them: invented values
// would win tokens over words that people use.
type calibrationSet struct {
	examples []data.Example
	sample   []train.Sequence
	tokens   []int
}

// calibration draws n examples of the input "train", evenly spread, and of each as
// much as [calibrated] says; the input "keep", if there is one, adds tokens.
func calibration(w *run.Work, m *model.Model, n int) (*calibrationSet, error) {
	examples, err := loadExamples(w, "train")
	if err != nil {
		return nil, err
	}
	examples = slices.DeleteFunc(examples, func(e data.Example) bool { return data.Augmented(&e) })
	reader := *m // what is lent to it, and it never learned, is not the model's own
	if m.Template == nil {
		if err := adaptTemplate(&reader, examples); err != nil {
			return nil, err
		}
	}
	most, longest := calibrated(m.Config()), unbounded
	if plain(examples) { // each part of a text calibrates
		longest = most
	}
	set, _, err := data.Sequences(&reader, examples, longest)
	if err != nil {
		return nil, err
	}
	out := &calibrationSet{examples: examples, sample: spread(set, n), tokens: make([]int, m.Config().Vocab)}
	for _, s := range set {
		for _, id := range s.IDs {
			out.tokens[id]++
		}
	}
	for i, s := range out.sample {
		out.sample[i].IDs = s.IDs[:min(most, len(s.IDs))]
	}
	if w.Has("keep") {
		text, err := disk.Read(w.Input("keep"), mostKept)
		if err != nil {
			return nil, err
		}
		for _, id := range m.Tokenizer.Encode(string(text), false) {
			out.tokens[id]++
		}
	}
	return out, nil
}

// calibrationTokens bounds what of an example calibrates.
const calibrationTokens = 2048

// calibrated returns how many tokens of an example calibrate a model of shape c, from
// its beginning: at positions past its context, activations mean nothing.
func calibrated(c arch.Config) int { return min(calibrationTokens, c.Context) }

// spread returns n elements of set at equal distances: all of them if n is 0 or
// more than there are.
func spread(set []train.Sequence, n int) []train.Sequence {
	if n <= 0 || n >= len(set) {
		return set
	}
	out := make([]train.Sequence, n)
	for i := range out {
		out[i] = set[i*len(set)/n]
	}
	return out
}
