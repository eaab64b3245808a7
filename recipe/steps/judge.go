package steps

import (
	"fmt"
	"slices"

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
// and a warning if the models have seen some of them.
func checkData(r *recipe.Recipe) (judged []data.Example, warnings []string, err error) {
	learned, held, err := readTraining(r)
	if err != nil {
		return nil, nil, err
	}
	if r.Data.Validation.File != "" {
		if held, err = readFile(r, "data.validation", r.Data.Validation.File); err != nil {
			return nil, nil, err
		}
	}
	judged, seen, key := held, learned, "data.validation"
	if r.Data.Test != "" {
		seen, key = slices.Concat(learned, held), "data.test"
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
	if n := len(data.Overlap(seen, judged)); n > 0 {
		warnings = append(warnings, overlapWarning(key, n, len(judged)))
	}
	// A row that is held out of a log may do for the loss though the task cannot judge
	// it; a file of such rows is of another task.
	if r.Data.Validation.File != "" {
		err = j.check("data.validation", held)
	}
	return judged, warnings, err
}

// overlapWarning says that n of the examples of a key occur in the training data.
func overlapWarning(key string, n, of int) string {
	return key + ": " + overlapping(n, of, "the training data")
}

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
