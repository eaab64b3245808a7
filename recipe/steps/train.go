package steps

import (
	"limbeck/recipe"
	"limbeck/recipe/run"
)

func init() { recipe.Register("train", buildTrain) }

// aware returns how the student will be stored, if it learns to be; else nil.
func aware(q *recipe.Quantize) *recipe.Quantize {
	if q == nil || !q.Aware {
		return nil
	}
	return &recipe.Quantize{Format: q.Format, Embedding: q.Embedding}
}

// buildTrain adds the student's training on the data alone.
func buildTrain(c *recipe.Chain) error {
	if c.Recipe.Train == nil {
		return nil
	}
	from, err := c.Get("student", "model")
	if err != nil {
		return err
	}
	s, err := trainStep(c, "train", "train", studentRef(c), from, trainSettings{c.Seed, *c.Recipe.Train, aware(c.Recipe.Quantize)}, true)
	if err != nil {
		return err
	}
	c.Put("student", run.Input{Of: s, Path: ModelFile})
	c.Put("training", run.Input{Of: s, Path: TrainingFile})
	return nil
}
