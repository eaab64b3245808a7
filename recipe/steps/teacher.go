package steps

import (
	"errors"
	"fmt"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/arch"
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
			members = append(members, run.Input{Of: s, Path: modelFile})
		}
	}
	for k, in := range members {
		c.Put(fmt.Sprintf("teacher.%d", k), in)
	}
	return nil
}

// teacherInputs returns the teacher's members as inputs "teacher.0" and on.
func teacherInputs(c *recipe.Chain) ([]run.Input, error) {
	var out []run.Input
	for i := 0; i == 0 || c.Has(fmt.Sprintf("teacher.%d", i)); i++ {
		name := fmt.Sprintf("teacher.%d", i)
		in, err := c.Get(name, name)
		if err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, nil
}

// teachers are the members of an ensemble, packed as they are served.
type teachers struct{ models []*model.Model }

// openTeachers opens the inputs "teacher.0" and on; ref names the first if it
// is built in.
func openTeachers(w *run.Work, n int, ref string, pool *par.Pool) (*teachers, error) {
	t := &teachers{}
	for i := range n {
		m, err := openInput(w, fmt.Sprintf("teacher.%d", i), ref)
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		m.Pack(pool)
		t.models = append(t.models, m)
	}
	return t, nil
}

func (t *teachers) archs() []arch.Model {
	var out []arch.Model
	for _, m := range t.models {
		out = append(out, m.Model)
	}
	return out
}

func (t *teachers) close() error {
	var errs []error
	for _, m := range t.models {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
