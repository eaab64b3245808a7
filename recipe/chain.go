package recipe

import (
	"errors"
	"fmt"
	"strings"

	"limbeck/recipe/run"
)

// Sections are the parts of a recipe that become steps, in the order in which
// they are made. What each makes is known to the others by its name here.
var Sections = []string{"data", "teacher", "synthesize", "prune", "train", "distill", "quantize"}

// A Builder turns one section of a recipe into steps: it adds them to the
// chain and says what they make with [Chain.Put]. It adds none if the recipe
// does not ask for the section.
type Builder func(c *Chain) error

// A Judge turns the compare section into steps, given what all variants made.
type Judge func(r *Recipe, chains []*Chain) ([]*run.Step, error)

var (
	builders = map[string]Builder{}
	judge    Judge
)

// Register makes b the builder of a section; a section has one.
func Register(section string, b Builder) {
	known := false
	for _, s := range Sections {
		known = known || s == section
	}
	if !known || builders[section] != nil {
		panic("recipe: no section, or a second builder: " + section)
	}
	builders[section] = b
}

// RegisterJudge makes j what builds the comparison.
func RegisterJudge(j Judge) {
	if judge != nil {
		panic("recipe: a second judge")
	}
	judge = j
}

// A Chain is the steps of one variant with one seed, from data to student.
type Chain struct {
	Recipe  *Recipe
	Variant string // "" if the recipe has no variants
	Seed    int64  // of the student. The teacher's is Recipe.Seed, in every repetition

	suffix string
	steps  []*run.Step
	made   map[string]run.Input
}

// Add adds a step and makes its name unique among the variants.
func (c *Chain) Add(s *run.Step) *run.Step {
	s.Name += c.suffix
	c.steps = append(c.steps, s)
	return s
}

// Put says what a section made; a later one with the same name replaces it.
func (c *Chain) Put(name string, in run.Input) { c.made[name] = in }

// Get returns what a section made, under the name that the step shall call it.
func (c *Chain) Get(name, as string) (run.Input, error) {
	in, ok := c.made[name]
	if !ok {
		return in, fmt.Errorf("recipe: %s is needed, but nothing makes it", name)
	}
	in.Name = as
	return in, nil
}

// Has tells whether a section made something.
func (c *Chain) Has(name string) bool {
	_, ok := c.made[name]
	return ok
}

// Title names the variant and seed for people; "" if there is but one.
func (c *Chain) Title() string { return strings.TrimPrefix(c.suffix, "-") }

// Compile returns the steps that make what the recipe asks for. Variants and
// repetitions repeat the steps that they share; a run makes those once.
func Compile(r *Recipe) ([]*run.Step, error) {
	if len(builders) == 0 {
		return nil, errors.New("recipe: this build has no steps")
	}
	var steps []*run.Step
	chains := r.chains()
	for _, c := range chains {
		for _, section := range Sections {
			if b := builders[section]; b != nil {
				if err := b(c); err != nil {
					return nil, err
				}
			}
		}
		steps = append(steps, c.steps...)
	}
	if judge == nil {
		return steps, nil
	}
	last, err := judge(r, chains)
	return append(steps, last...), err
}

// chains returns one empty chain for each variant and repetition; one alone for a student
// that all repetitions would make alike.
func (r *Recipe) chains() []*Chain {
	variants := r.Variants
	if len(variants) == 0 {
		variants = []Variant{{"", r}}
	}
	var out []*Chain
	for _, v := range variants {
		times := r.Repeat
		if !v.Recipe.drawn() {
			times = 1
		}
		for i := range times {
			c := &Chain{Recipe: v.Recipe, Variant: v.Name, Seed: v.Recipe.Seed + int64(i), made: map[string]run.Input{}}
			if v.Name != "" {
				c.suffix = "-" + v.Name
			}
			if times > 1 {
				c.suffix += fmt.Sprintf("-s%d", c.Seed)
			}
			out = append(out, c)
		}
	}
	return out
}
