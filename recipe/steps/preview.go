package steps

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"limbeck/data"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/train"
)

// A Preview is what a training is about to do.
type Preview struct {
	Prompt, Reply string // an example as the model will see it; Reply carries loss
	Examples      int
	Parameters    int // that are trained
	Steps         int
	Cost          run.Cost
}

// NewPreview looks at a recipe that trains or distills a student.
func NewPreview(r *recipe.Recipe) (*Preview, error) {
	t := r.Train
	if r.Distill != nil {
		t = &r.Distill.Train
	}
	ref := r.Teacher[0].From.Text
	if r.Student.From.Model() {
		ref = r.Student.From.Text
	}
	c := &recipe.Chain{Recipe: r}
	m, set, err := readSet(c, ref)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if len(set) == 0 {
		return nil, errors.New("there is no example to train on")
	}
	first := set[0]
	decode := func(ids []int) string { return string(m.Tokenizer.Decode(ids)) }
	p := &Preview{Prompt: decode(first.IDs[:first.From]), Reply: decode(first.IDs[first.From:]),
		Examples: len(set), Parameters: m.Config().Params()}
	if l := t.LoRA; l != nil {
		adapters, err := train.Adapt(m.Model, l.Rank, l.Alpha, 0)
		if err != nil {
			return nil, err
		}
		p.Parameters = adapters.Params()
	}
	f := fit{settings: *t}
	p.Steps = train.Steps(set, f.options(t.LR[0]))
	p.Steps = int(math.Round(float64(p.Steps) * augmented(r.Data)))
	if t.Steps > 0 {
		p.Steps = int(t.Steps)
	}
	rounded := aware(r.Quantize)
	predict := predictTrain(c, "train", ref, false, t, rounded)
	if r.Distill != nil {
		predict = predictDistill(c, ref, r.Teacher[0].From.Text, r.Distill, r.Distill.Cache == "topk", rounded)
	}
	p.Cost, err = predict.cost()
	return p, err
}

// exampleChars bounds what is shown of an example.
const exampleChars = 1200

// Write shows p to people.
func (p *Preview) Write(w io.Writer) {
	show := func(s string) string {
		if len(s) > exampleChars {
			s = strings.ToValidUTF8(s[:exampleChars], "") + " …"
		}
		return strings.ReplaceAll(s, "\n", "⏎\n    ")
	}
	fmt.Fprintf(w, "The first of %s as the model sees it; what stands in ⟦⟧ carries loss:\n\n    %s⟦%s⟧\n\n",
		data.Counted(p.Examples, "example"), show(p.Prompt), show(p.Reply))
	fmt.Fprintf(w, "%d parameters to train, %s, about %s, %s of memory.\n", p.Parameters, data.Counted(p.Steps, "step"), about(p.Cost.Seconds), run.Bytes(p.Cost.Memory))
}

func about(seconds float64) string {
	switch {
	case seconds < 1.5:
		return "a second"
	case seconds < 90:
		return fmt.Sprintf("%.0f seconds", seconds)
	case seconds < 5400:
		return fmt.Sprintf("%.0f minutes", seconds/60)
	}
	return fmt.Sprintf("%.1f hours", seconds/3600)
}
