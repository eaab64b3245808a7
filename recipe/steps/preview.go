package steps

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"limbeck/data"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/train"
)

// A Preview is what a training is about to do.
type Preview struct {
	Prompt, Reply string // an example as the model will see it; Reply carries loss
	Examples      int    // of what it learns from, those made of others too; of text, pieces
	Text          bool
	Held          string // what is held out; empty if nothing is
	Parameters    int    // that are trained
	Steps         int    // of each training
	Trainings     int    // one a learning rate
	Early         bool   // a training may end early
	Resumes       bool   // an interrupted one goes on: some of the time may be over
	Cost          run.Cost
}

// NewPreview looks at a recipe that trains or distills a student.
func NewPreview(r *recipe.Recipe) (*Preview, error) {
	t, key := r.Train, "train"
	if r.Distill != nil {
		t, key = &r.Distill.Train, "distill"
	}
	ref := r.Teacher[0].From.Text
	if r.Student.From.Model() {
		ref = r.Student.From.Text
	}
	c := &recipe.Chain{Recipe: r}
	p := &Preview{Trainings: len(t.LR), Early: t.Patience > 0}
	f := fit{fitPlan: fitPlan{settings: *t, seed: r.Seed, bound: boundOf(r, key)}}
	var err error
	if f.train, p.Held, err = toLearn(r); err != nil {
		return nil, err
	}
	p.Text = plain(f.train)
	m, err := openRef(c, ref, Open)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if err := p.look(m, &f, r.Distill == nil); err != nil {
		return nil, err
	}
	rounded := aware(r.Quantize)
	predict := predictTrain(c, "train", ref, false, t, rounded)
	if r.Distill != nil {
		predict = predictDistill(c, ref, r.Teacher[0].From.Text, r.Distill, rounded)
	}
	p.Cost, err = predict.cost()
	return p, err
}

// toLearn returns the examples of a training as the data step will write them, and
// says what is held out.
func toLearn(r *recipe.Recipe) (all []data.Example, heldOut string, err error) {
	all, held, err := readKnown(r)
	if err != nil {
		return nil, "", err
	}
	file := r.Data.Validation.File
	if file == "" {
		if err := checkHeld(r, all, held); err != nil {
			return nil, "", err
		}
	}
	switch texts := heldOfTexts(all, held); {
	case file != "":
		heldOut = "the examples of " + string(file)
	case texts != "":
		heldOut = texts
	case len(held) > 0:
		heldOut = fmt.Sprintf("%s of %s", typeset.Number(len(held)), typeset.Counted(len(held)+len(all), "example"))
	}
	if a := r.Data.Augment; a != nil {
		if r.Data.Test != "" {
			test, err := readFile(r, "data.test", r.Data.Test)
			if err != nil {
				return nil, "", err
			}
			held = slices.Concat(held, test)
		}
		exchanged, invented := augment(a, all, held, r.Seed)
		all = slices.Concat(all, exchanged, invented)
	}
	return all, heldOut, nil
}

// look cuts the examples of f into the tokens of m, as the training will; adapt: it
// gives m a template that fits them, though it has one.
func (p *Preview) look(m *model.Model, f *fit, adapt bool) error {
	give := lendTemplate
	if adapt {
		give = adaptTemplate
	}
	if err := give(m, f.train); err != nil {
		return err
	}
	if _, err := extend(m, f.train, f.settings); err != nil {
		return err
	}
	var t Training
	set, err := f.sequences(m, &t)
	if err != nil {
		return err
	}
	if len(set) == 0 {
		return fmt.Errorf("%s, and none is left to train on", leftOut(f.bound, t.TooLong, len(f.train), trainingExample, &f.settings))
	}
	first := set[0]
	decode := func(ids []int) string { return string(m.Tokenizer.Decode(ids)) }
	p.Prompt, p.Reply = decode(first.IDs[:first.From]), decode(first.IDs[first.From:])
	p.Examples, p.Parameters = len(set), m.Config().Params()
	if l := f.settings.LoRA; l != nil {
		adapters, err := train.Adapt(m.Model, l.Rank, l.Alpha, 0)
		if err != nil {
			return err
		}
		p.Parameters = adapters.Params()
	}
	p.Steps = train.Steps(set, f.options(f.settings.LR[0]))
	return nil
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
	examples := typeset.Counted(p.Examples, "example")
	if p.Text {
		examples = typeset.Counted(p.Examples, "piece") + " of text"
	}
	fmt.Fprintf(w, "The first of %s as the model sees it; what stands in ⟦⟧ carries loss:\n\n    %s⟦%s⟧\n\n", examples, show(p.Prompt), show(p.Reply))
	if p.Held != "" {
		fmt.Fprintf(w, "Held out for validation: %s.\n", p.Held)
	}
	time := "about " + about(p.Cost.Seconds)
	if p.Resumes {
		time = "at most " + time + " (a part is done)"
	}
	fmt.Fprintf(w, "%s to train, %s, %s, %s of memory.\n", typeset.Counted(p.Parameters, "parameter"), p.length(), time, typeset.Bytes(p.Cost.Memory))
}

// length says how many steps there will be.
func (p *Preview) length() string {
	text := typeset.Counted(p.Steps, "step")
	if p.Early {
		text = "at most " + text
	}
	if p.Trainings > 1 {
		text = fmt.Sprintf("%s of %s each", typeset.Counted(p.Trainings, "training"), text)
	}
	return text
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
