package steps

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"limbeck/compress/prune"
	"limbeck/internal/par"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

func init() { recipe.Register("prune", buildPrune) }

// Facts that commands show. They are keys of the lineage.
const (
	Shape      = "shape"               // of a pruned model, in words
	LayersKept = "layers kept"         // of a pruned model: numbers before, from 0, as [0 2 3]
	Dropped    = "dropped probability" // the teacher's on tokens that the student lacks, a mean
)

// KeptLayers returns the numbers that a fact named [LayersKept] tells.
func KeptLayers(fact string) (layers []int, err error) {
	for _, word := range strings.Fields(strings.Trim(fact, "[]")) {
		layer, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("%s: %q, want numbers, as [0 2 3]", LayersKept, fact)
		}
		layers = append(layers, layer)
	}
	return layers, nil
}

// pruneSettings are what the student's first weights depend on besides the
// teacher and the data.
type pruneSettings struct {
	Seed    int64
	Student recipe.Student
	Prune   recipe.Prune

	// Blocks: shares of neurons and channels are rounded to whole blocks. A recipe
	// without such shares keeps the key that it had before they were.
	Blocks bool `json:",omitempty"`
}

// buildPrune adds the step that gives the student its shape and its first
// weights.
func buildPrune(c *recipe.Chain) error {
	student := c.Recipe.Student
	if student.From.Model() {
		in, err := modelInput(c.Recipe, student.From, studentKey, "")
		if err != nil {
			return err
		}
		c.Put("student", in)
		return nil
	}
	teacher, err := c.Get("teacher.0", "teacher")
	if err != nil {
		return err
	}
	if !student.Reshaped() && student.From.Text == recipe.FromTeacher {
		c.Put("student", teacher)
		return nil
	}
	settings := pruneSettings{c.Seed, student, c.Recipe.Prune, student.FFN.Share > 0 || student.Hidden.Share > 0}
	settings.Prune.KeepTokens = ""
	if student.From.Text == recipe.FromTeacher {
		settings.Seed = 0 // nothing is drawn
	}
	s := &run.Step{Kind: "prune", Name: "prune", Version: 7, Inputs: []run.Input{teacher}, Settings: settings}
	if c.Has("data.train") {
		in, err := c.Get("data.train", "train")
		if err != nil {
			return err
		}
		s.Inputs = append(s.Inputs, in)
	}
	if f := c.Recipe.Prune.KeepTokens; f != "" {
		in := fileInput(c.Recipe, f, "prune.keep_tokens")
		in.Name = "keep"
		s.Inputs = append(s.Inputs, in)
	}
	ref := c.Recipe.Teacher[0].From.Text
	s.Predict = predictPrune(c, ref, int(settings.Prune.Calibration))
	s.Run = func(ctx context.Context, w *run.Work) error {
		return pruneModel(ctx, w, ref, student, c.Recipe.Prune, c.Seed)
	}
	c.Add(s)
	c.Put("student", run.Input{Of: s, Path: modelFile})
	return nil
}

// pruneModel is the step that cuts the model "teacher" (or the built-in that
// ref names) to a student's shape, by what the examples of "train" make of its
// parts; with weights drawn anew if the student comes from scratch.
func pruneModel(ctx context.Context, w *run.Work, ref string, student recipe.Student, p recipe.Prune, seed int64) error {
	teacher, err := openInput(w, "teacher", ref)
	if err != nil {
		return err
	}
	defer teacher.Close()
	set, err := calibration(w, teacher, int(p.Calibration))
	if err != nil {
		return err
	}
	var m *model.Model
	var made string
	if student.From.Text == recipe.FromScratch {
		m, made, err = fresh(teacher, student, set.tokens, seed)
	} else {
		m, made, err = cutTo(ctx, w, teacher, student, p, set)
	}
	if err != nil {
		return err
	}
	if err := speak(w, m, set.examples); err != nil {
		return err
	}
	w.Fact(Shape, shapeText(m.Config()))
	return save(w, m, made)
}

// cutTo returns what is left of the teacher, and for its history how it was made.
func cutTo(ctx context.Context, w *run.Work, teacher *model.Model, student recipe.Student, p recipe.Prune, set *calibrationSet) (*model.Model, string, error) {
	pool := par.New(w.Threads)
	defer pool.Close()
	progress := func(done, total int) { w.Progress("measuring", int64(done), int64(total), "") }
	imp, err := prune.Measure(ctx, teacher, set.sample, pool, progress)
	if err != nil {
		return nil, "", err
	}
	imp.Tokens = set.tokens
	imp.KeepLayers(p.KeepLayers)
	shape, err := shapeOf(student, teacher, imp)
	if err != nil {
		return nil, "", err
	}
	plan, err := prune.NewPlan(teacher, imp, shape)
	if err != nil {
		return nil, "", err
	}
	m, err := plan.Apply(teacher)
	if err != nil {
		return nil, "", err
	}
	w.Fact(LayersKept, fmt.Sprint(plan.Layers))
	return m, fmt.Sprintf("pruned from %s to %s parameters by %s", typeset.Number(teacher.Config().Params()), typeset.Number(m.Config().Params()),
		typeset.Counted(len(set.sample), "example")), nil
}

// shapeOf resolves counts, shares and params.
func shapeOf(s recipe.Student, m *model.Model, imp *prune.Importance) (prune.Shape, error) {
	c := m.Config()
	if s.Params > 0 {
		vocab := s.Vocab.Of(c.Vocab)
		if s.Vocab == (recipe.Dim{}) {
			vocab = 0
		}
		return prune.ShapeFor(m, imp, int(s.Params), vocab)
	}
	return prune.Shape{
		Layers: s.Layers.Of(c.Layers), Width: inBlocks(s.Hidden, c.Width), Heads: s.Heads.Of(c.Heads),
		KVHeads: s.KVHeads.Of(c.KVHeads), FFN: inBlocks(s.FFN, c.FFN), Vocab: s.Vocab.Of(c.Vocab),
	}, nil
}

// inBlocks returns how many of a model's neurons or channels d is: a share is of
// whole blocks, a count is what it says.
func inBlocks(d recipe.Dim, whole int) int {
	n := d.Of(whole)
	if d.Share > 0 {
		n = prune.RoundToBlocks(n, whole)
	}
	return n
}
