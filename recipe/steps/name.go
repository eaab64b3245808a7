package steps

import (
	"context"

	"limbeck/model"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

// nameSettings are what a named model depends on besides its input.
type nameSettings struct{ Name string }

// nameStep adds the step that calls a student which is not quantized as the recipe does,
// and exports it. It is a step of its own so that another name, of a recipe or of a
// variant that is like another, costs no training.
func nameStep(c *recipe.Chain, student run.Input, name string) {
	s := &run.Step{Kind: "name", Name: "name", Version: 1, Settings: nameSettings{name}, Inputs: []run.Input{student}, Portable: true,
		Exports: map[string]string{modelFile: name + ".gguf"}}
	s.Predict = predictName(c)
	s.Run = func(_ context.Context, w *run.Work) error {
		m, err := Open(w.Input(student.Name))
		if err != nil {
			return err
		}
		defer m.Close()
		m.Meta.Delete(model.NameKey) // one that stands elsewhere would stay there
		m.Meta.Set(model.NameKey, name)
		return w.Write(modelFile, m.SaveTo)
	}
	c.Add(s)
	c.Put("student", run.Input{Of: s, Path: modelFile})
}

// predictName predicts the copy of the student.
func predictName(c *recipe.Chain) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		l, err := examine(c, studentRef(c))
		if err != nil {
			return run.Cost{}, err
		}
		shape := l.student
		if c.Recipe.Student.From.Model() {
			shape = l.config
		}
		weights := 4 * int64(shape.Params())
		need := needs{pages: weights, heap: tokenMemory * int64(shape.Vocab)}
		return run.Cost{Seconds: float64(weights) / loadBytes, Memory: need.peak(), Disk: weights}, nil
	}
}
