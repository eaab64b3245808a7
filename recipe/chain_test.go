package recipe

import (
	"strings"
	"testing"

	"limbeck/recipe/run"
)

// fakeBuilders registers builders that add one step each, until the test ends.
func fakeBuilders(t *testing.T) {
	t.Cleanup(func() { builders, judge = map[string]Builder{}, nil })
	Register("data", func(c *Chain) error {
		s := c.Add(&run.Step{Kind: "data", Name: "data", Settings: c.Recipe.Data})
		c.Put("data", run.Input{Of: s})
		return nil
	})
	Register("distill", func(c *Chain) error {
		if c.Recipe.Distill == nil {
			return nil
		}
		in, err := c.Get("data", "train")
		s := c.Add(&run.Step{Kind: "distill", Name: "distill", Inputs: []run.Input{in}, Settings: struct{ Seed int64 }{c.Seed}})
		c.Put("student", run.Input{Of: s})
		return err
	})
	RegisterJudge(func(r *Recipe, chains []*Chain) ([]*run.Step, error) {
		s := &run.Step{Kind: "compare", Name: "compare", Settings: r.Compare}
		for _, c := range chains {
			if c.Has("student") {
				in, err := c.Get("student", "student"+c.Title())
				if err != nil {
					return nil, err
				}
				s.Inputs = append(s.Inputs, in)
			}
		}
		return []*run.Step{s}, nil
	})
}

func TestCompile(t *testing.T) {
	r := mustRead(t, full+"repeat: 2\nvariants: {a: {}, b: {distill: ~}, c: {seed: 7}}\n")
	if _, err := Compile(r); err == nil || !strings.Contains(err.Error(), "no steps") {
		t.Errorf("without builders: error %v", err)
	}
	fakeBuilders(t)
	steps, err := Compile(r)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, s.Name)
	}
	const want = "data-a-s1 distill-a-s1 data-a-s2 distill-a-s2 data-b data-c-s7 distill-c-s7 data-c-s8 distill-c-s8 compare"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	p, err := run.Open(t.TempDir(), "m").Plan(t.Context(), steps)
	if err != nil || len(p.Steps) != 6 { // the data once, four students, the comparison
		t.Errorf("%d steps planned, %v", len(p.Steps), err)
	}
}
