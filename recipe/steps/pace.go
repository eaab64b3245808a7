package steps

import (
	"fmt"
	"math"
	"strconv"

	"limbeck/internal/typeset"
	"limbeck/recipe"
	"limbeck/train"
)

// A pace is how long a model learns in a drafted recipe, and how fast. Of few examples
// it takes more passes, at least least and at most most, until it has read so many tokens;
// of examples that others are made of, as many fewer. Small models learn at higher rates:
// rate is that of a model of paceParams, and falls with the root of the parameters.
type pace struct {
	tokens      float64
	least, most float64
	rate        float64
}

// What was tried stands in docs/experiments.md.
var (
	tunePace    = pace{tokens: 400e3, least: 2, most: 8, rate: 2e-4}
	distillPace = pace{tokens: 1.5e6, least: 3, most: 16, rate: 3.5e-4}
)

const (
	paceParams          = 135e6      // SmolLM2-135M's
	leastRate, mostRate = 5e-5, 1e-3 // beyond which the root may say too much
)

// paces drafts how long and how fast the teacher and the student, of so many parameters,
// learn from set.
func (d *Drafted) paces(set []train.Sequence, teacher, student int) {
	tokens := 0
	for _, s := range set {
		tokens += len(s.IDs)
	}
	d.pace("teacher.train", d.Recipe.Teacher[0].Train, tunePace, tokens, teacher)
	d.pace("distill", &d.Recipe.Distill.Train, distillPace, tokens, student)
}

func (d *Drafted) pace(key string, t *recipe.Train, p pace, tokens, params int) {
	times := augmented(d.Recipe.Data)
	t.Epochs = max(p.least, min(math.Round(p.tokens/float64(max(1, tokens))), p.most)) / times
	rate := p.rate * math.Sqrt(paceParams/float64(max(1, params)))
	rate, _ = strconv.ParseFloat(strconv.FormatFloat(rate, 'e', 0, 64), 64) // to a digit
	t.LR = recipe.Rates{max(leastRate, min(rate, mostRate))}
	d.Remarks[key+".epochs"] = fmt.Sprintf("passes over some %s tokens: the fewer, the more passes", typeset.Number(int(times*float64(tokens))))
	d.Remarks[key+".lr"] = fmt.Sprintf("for %.3g million parameters: the more, the lower", float64(params)/1e6)
}
