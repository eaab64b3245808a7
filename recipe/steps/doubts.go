package steps

import (
	"fmt"
	"slices"

	"limbeck/data"
	"limbeck/internal/typeset"
	"limbeck/internal/words"
	"limbeck/recipe"
)

// doubts says what of a recipe's examples can hardly be meant: those to learn from, those
// that are held out of them, or of the file for validation, and those of tests.
func doubts(r *recipe.Recipe, learned, held, test []data.Example) (texts []string) {
	if v := r.Data.Validation; v.File == "" {
		if data.Uneven(learned, held, float64(v.Share)) {
			texts = append(texts, fmt.Sprintf("%s: %s of %s are held out, not %v, as those of one text stay together", r.Called("data.validation"),
				typeset.Number(len(held)), typeset.Counted(len(held)+len(learned), "example"), v.Share))
		}
		learned, held = slices.Concat(learned, held), nil
	}
	found := data.Detect(learned)
	for _, text := range []string{oneLabel(&found), spelledSeveral(&found)} {
		if text != "" {
			texts = append(texts, r.Called("data.train")+": "+text)
		}
	}
	form := found.Form
	if len(learned) == 0 {
		form = data.Detect(test).Form
	}
	for _, part := range []struct {
		key      string
		examples []data.Example
	}{{"data.train", learned}, {"data.validation", held}, {"data.test", test}} {
		if text := conflicting(part.examples, form); text != "" {
			texts = append(texts, r.Called(part.key)+": "+text)
		}
	}
	return texts
}

// oneLabel says that all examples have the same label; "" if not, or if there is but one.
func oneLabel(found *data.Description) string {
	if found.Classes() != 1 || found.Examples < 2 {
		return ""
	}
	return fmt.Sprintf("all %s have the label %s: there is nothing to learn", typeset.Counted(found.Examples, "example"), words.Quote(found.Labels[0]))
}

// spelledSeveral says how many labels are spelled in several ways; "" for none.
func spelledSeveral(found *data.Description) string {
	n, one, other := found.Respelled()
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("several spellings of %s, as %s and %s: metrics take them for one, a model learns each",
		typeset.Counted(n, "label"), words.Quote(one), words.Quote(other))
}

// conflicting says for how many texts examples of a form have several labels, or replies
// with intents and slots; "" for none.
func conflicting(examples []data.Example, form data.Form) string {
	n, first, second := data.Conflicts(examples, form)
	if n == 0 {
		return ""
	}
	what := "labels"
	if form == data.StructuredJSON {
		what = "intents or slots"
	}
	return fmt.Sprintf("several %s for %s, as in %s and %s: a model can have but one of them right", what, typeset.Counted(n, "text"), first, second)
}
