package steps

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"limbeck/data"
	"limbeck/eval/compare"
	"limbeck/recipe"
)

// CheckData reads the examples that a recipe names and returns an error, a
// [recipe.Problem], if those that are held out or for tests cannot be judged as
// the recipe and its training data ask. The comparison would find it too, after
// all training.
func CheckData(r *recipe.Recipe) error {
	_, _, err := checkData(r)
	return err
}

// checkData is CheckData; it returns the examples that the comparison will judge,
// and warnings of what the models have seen.
func checkData(r *recipe.Recipe) (judged []data.Example, warnings []string, err error) {
	learned, held, err := readKnown(r)
	if err != nil {
		return nil, nil, err
	}
	judged, key := held, "data.validation"
	if r.Data.Test != "" {
		key = "data.test"
		if judged, err = readFile(r, key, r.Data.Test); err != nil {
			return nil, nil, err
		}
	}
	if n := int(r.Compare.Limit); n > 0 {
		judged = judged[:min(n, len(judged))]
	}
	if f := r.Compare.Recorded; f != "" {
		if _, err := readRecorded(r.Find(f)); err != nil {
			return nil, nil, r.Cause("compare.recorded", err)
		}
	}
	j := judge{recipe: r}
	if len(learned) > 0 { // else the comparison goes by what it judges
		j.learned = data.Detect(learned)
	}
	if err := compare.Check(nil, j.options()); err != nil {
		return nil, nil, r.Cause("compare.metrics", err)
	}
	if err := j.check(key, judged); err != nil {
		return nil, nil, err
	}
	// A row that is held out of a log may do for the loss though the task cannot judge
	// it; a file of such rows is of another task.
	if r.Data.Validation.File != "" {
		err = j.check("data.validation", held)
	}
	return judged, overlaps(r, learned, held, judged), err
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

// overlaps warns of examples that are to judge the models, or to choose them, though
// these learned them.
func overlaps(r *recipe.Recipe, learned, held, judged []data.Example) (warnings []string) {
	look := func(key string, learned, examples []data.Example) {
		if n, text := overlapWarning(key, learned, examples); n > 0 {
			warnings = append(warnings, text)
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

// overlapWarning counts the examples of a key that occur in the training data, and
// says so.
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

// A judge knows how a recipe's examples are to be judged.
type judge struct {
	recipe  *recipe.Recipe
	learned data.Description
}

func (j judge) options() compare.Options {
	return compare.Options{Task: j.recipe.Task, Metrics: j.recipe.Compare.Metrics, Form: j.learned.Form}
}

// check returns an error if examples, those of a key, cannot be judged. Replies
// that are objects can be compared with labels, but no model that learned labels
// writes them.
func (j judge) check(key string, examples []data.Example) error {
	if err := compare.Check(examples, j.options()); err != nil {
		return j.recipe.Cause(key, fmt.Errorf("%w; the training data is %v", err, j.learned))
	}
	if found := data.Detect(examples); found.Form == data.StructuredJSON && j.learned.Form == data.Classification {
		return j.recipe.Cause(key, fmt.Errorf("the examples are %v, the training data is %v", found, j.learned))
	}
	return nil
}
