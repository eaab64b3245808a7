package steps

import (
	"fmt"

	"limbeck/recipe"
	"limbeck/recipe/run"
)

func init() { recipe.Register("teacher", buildTeacher) }

// buildTeacher adds the steps of the teacher's stages. A stage that trains an
// ensemble is followed by none that trains; its members teach together.
func buildTeacher(c *recipe.Chain) error {
	stages := c.Recipe.Teacher
	if len(stages) == 0 {
		return nil
	}
	from, err := modelInput(c.Recipe, stages[0].From, teacherKey, stages[0].License)
	if err != nil {
		return err
	}
	if stages[0].Drawn {
		from.Key = "" // so that no history cites it
	}
	ref, members := stages[0].From.Text, []run.Input{from}
	for i, stage := range stages {
		if stage.Train == nil {
			continue
		}
		from = members[0]
		members = nil
		for k := range stage.Ensemble {
			name := "teacher"
			if len(stages) > 1 {
				name += fmt.Sprintf("-stage%d", i+1)
			}
			if stage.Ensemble > 1 {
				name += fmt.Sprintf("-%d", k+1)
			}
			key := fmt.Sprintf("teacher[%d].train", i)
			s, err := trainStep(c, key, name, ref, from, trainSettings{c.Recipe.Seed + int64(k), *stage.Train, nil}, false)
			if err != nil {
				return err
			}
			s.Kind = "teacher"
			members = append(members, run.Input{Of: s, Path: ModelFile})
			c.Put("training", run.Input{Of: s, Path: TrainingFile})
		}
	}
	for k, in := range members {
		c.Put(fmt.Sprintf("teacher.%d", k), in)
	}
	return nil
}
