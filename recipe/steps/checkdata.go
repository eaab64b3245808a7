package steps

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"limbeck/data"
	"limbeck/eval/compare"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

// CheckData reads the examples that a recipe names and returns an error, a
// [recipe.Problem], if too few of them can be held out, or if those that are, or that
// are for tests, cannot be judged as the recipe and its training data ask. The
// comparison would find it too, after all training. told says what of them can hardly be
// meant.
func CheckData(r *recipe.Recipe) (told []string, err error) {
	if _, _, err := readExamples(&recipe.Chain{Recipe: r}); err != nil {
		return nil, err
	}
	j, err := checkData(r)
	if err != nil {
		return nil, err
	}
	for _, w := range j.warnings {
		told = append(told, w.Text)
	}
	return told, nil
}

// checkData checks how examples are to be judged, and returns the judge, with warnings of
// what can hardly be meant and of what the models have seen.
func checkData(r *recipe.Recipe) (*judge, error) {
	learned, held, err := readKnown(r)
	if err != nil {
		return nil, err
	}
	j := &judge{recipe: r, learned: learned, key: "data.validation", examples: held}
	if r.Data.Test != "" {
		j.key = "data.test"
		if j.examples, err = readFile(r, j.key, r.Data.Test); err != nil {
			return nil, err
		}
	}
	if n := int(r.Compare.Limit); n > 0 {
		j.examples = j.examples[:min(n, len(j.examples))]
	}
	if f := r.Compare.Recorded; f != "" {
		if _, err := ReadRecorded(r.Find(f)); err != nil {
			return nil, r.Cause("compare.recorded", err)
		}
	}
	if len(learned) > 0 { // else the comparison goes by what it judges
		j.found = data.Detect(learned)
	}
	if err := compare.Check(nil, j.options()); err != nil {
		return nil, r.Cause("compare.metrics", err)
	}
	if err := j.check(j.key, j.examples); err != nil {
		return nil, err
	}
	j.warnings = doubted(r, learned, held, j.examples)
	// A row that is held out of a log may do for the loss though the task cannot judge
	// it; a file of such rows is of another task.
	if r.Data.Validation.File != "" {
		err = j.check("data.validation", held)
	}
	return j, err
}

// readKnown reads the examples that a recipe's models learn from, and those that they
// are chosen by.
func readKnown(r *recipe.Recipe) (learned, held []data.Example, err error) {
	learned, held, err = readTraining(r)
	if err == nil && r.Data.Validation.File != "" {
		held, err = readFile(r, "data.validation", r.Data.Validation.File)
	}
	return learned, held, err
}

// doubted warns of what [doubts] and [overlaps] find before all work.
func doubted(r *recipe.Recipe, learned, held, judged []data.Example) (warnings []run.Warning) {
	var test []data.Example
	if r.Data.Test != "" {
		test = judged
	}
	for _, text := range doubts(r, learned, held, test) {
		warnings = append(warnings, run.Warning{Text: text})
	}
	return append(warnings, overlaps(r, learned, held, judged)...)
}

// overlaps warns of examples that are to judge the models, or to choose them, though
// these learned them.
func overlaps(r *recipe.Recipe, learned, held, judged []data.Example) (warnings []run.Warning) {
	look := func(key string, learned, examples []data.Example) {
		if n, text := overlapWarning(r.Called(key), learned, examples); n > 0 {
			warnings = append(warnings, run.Warning{Text: text})
		}
	}
	if r.Data.Test == "" {
		look("data.validation", learned, judged)
		return warnings
	}
	if r.Data.Validation.File != "" { // else none of what is held out is learned
		look("data.validation", learned, held)
	}
	look("data.test", slices.Concat(learned, held), judged)
	return warnings
}

// overlapWarning counts the examples of a key, as users call it, that occur in the
// training data, and says so.
func overlapWarning(key string, learned, examples []data.Example) (n int, text string) {
	n = len(data.Overlap(learned, examples))
	return n, key + ": " + overlapping(n, len(examples), "the training data")
}

// A dataset is the data that some variants share, but for what a seed makes of it.
type dataset struct {
	chain    *recipe.Chain // the first that has it
	variants []string
}

// datasets returns the data of the chains, each once.
func datasets(chains []*recipe.Chain) (all []dataset) {
	for _, c := range chains {
		same := func(d dataset) bool { return reflect.DeepEqual(d.chain.Recipe.Data, c.Recipe.Data) }
		k := slices.IndexFunc(all, same)
		switch {
		case !c.Has("data.train"):
			continue
		case k < 0:
			k, all = len(all), append(all, dataset{chain: c})
		}
		if !slices.Contains(all[k].variants, c.Variant) {
			all[k].variants = append(all[k].variants, c.Variant)
		}
	}
	return all
}

func (d *dataset) String() string { return strings.Join(d.variants, ", ") }

// A judge knows which examples of a recipe are to be judged, and how.
type judge struct {
	recipe   *recipe.Recipe
	learned  []data.Example
	found    data.Description // of what is learned
	key      string           // that names the examples
	examples []data.Example
	warnings []run.Warning
}

func (j *judge) options() compare.Options {
	return compare.Options{Task: j.recipe.Task, Metrics: j.recipe.Compare.Metrics, Form: j.found.Form}
}

// check returns an error if examples, those of a key, cannot be judged. Replies
// that are objects can be compared with labels, but no model that learned labels
// writes them.
func (j *judge) check(key string, examples []data.Example) error {
	if err := compare.Check(examples, j.options()); err != nil {
		return j.recipe.Cause(key, fmt.Errorf("%w; the training data is %v", err, j.found))
	}
	if found := data.Detect(examples); found.Form == data.StructuredJSON && j.found.Form == data.Classification {
		return j.recipe.Cause(key, fmt.Errorf("the examples are %v, the training data is %v", found, j.found))
	}
	return nil
}

// tooLong warns of examples that the comparison will leave out, as the context of a
// model is too short for them: the teacher's as the recipe names it, or the student's
// as it will be cut.
func (j *judge) tooLong(chains []*recipe.Chain) (warnings []run.Warning, err error) {
	var refs, short []string
	var sketches []*model.Model
	left := map[int]bool{}
	count := func(name string, m *model.Model) error {
		text, err := j.count(name, m, left)
		if text != "" {
			warnings, short = append(warnings, run.Warning{Text: text}), append(short, name)
		}
		return err
	}
	for _, c := range chains {
		l, err := examine(c, studentRef(c))
		if err != nil {
			return nil, err
		}
		for _, ref := range []string{c.Recipe.Teacher[0].From.Text, studentRef(c)} {
			if slices.Contains(refs, ref) {
				continue
			}
			refs = append(refs, ref)
			m, err := openReady(c, ref, j.learned, Look)
			if err != nil {
				return nil, err
			}
			if err := errors.Join(count(ref, m), m.Close()); err != nil {
				return nil, err
			}
		}
		if l.sketched == nil || slices.Contains(sketches, l.sketched) {
			continue
		}
		sketches = append(sketches, l.sketched)
		if err := count(strings.TrimSpace("the student "+c.Variant), l.sketched); err != nil {
			return nil, err
		}
	}
	if len(left) == len(j.examples) {
		return nil, j.recipe.Problem(j.key, fmt.Sprintf("none of %s fits in the context of %s", typeset.Counted(len(left), "example"), strings.Join(short, " and ")), "shorter examples")
	}
	return warnings, nil
}

// count adds the examples that are too long for m to left, and warns of them.
func (j *judge) count(name string, m *model.Model, left map[int]bool) (warning string, err error) {
	long, err := compare.TooLong(m, j.examples, j.options())
	if err != nil || len(long) == 0 {
		return "", err
	}
	for _, i := range long {
		left[i] = true
	}
	return fmt.Sprintf("%s: %d of %s are longer than the context of %s, the first is %s: no model will be judged by them",
		j.key, len(long), typeset.Counted(len(j.examples), "example"), name, j.examples[long[0]].ID), nil
}
