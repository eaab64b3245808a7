package steps

import (
	"limbeck/recipe"
	"limbeck/recipe/run"
)

func init() { recipe.Register("train", buildTrain) }

// buildTrain adds the student's training on the data alone.
func buildTrain(c *recipe.Chain) error {
	if c.Recipe.Train == nil {
		return nil
	}
	from, err := c.Get("student", "model")
	if err != nil {
		return err
	}
	s, err := trainStep(c, "train", studentRef(c), from, trainSettings{c.Seed, *c.Recipe.Train}, true)
	if err != nil {
		return err
	}
	c.Put("student", run.Input{Of: s, Path: ModelFile})
	c.Put("training", run.Input{Of: s, Path: TrainingFile})
	return nil
}
