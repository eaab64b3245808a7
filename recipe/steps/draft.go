package steps

import (
	"fmt"
	"slices"

	"limbeck/data"
	"limbeck/internal/machine"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/recipe"
	"limbeck/train"
)

// A Drafted recipe is made from a look at data and a teacher.
type Drafted struct {
	Recipe   *recipe.Recipe
	Remarks  map[string]string // for the keys that the look decided
	Found    string            // what the data is
	Metric   string            // that the comparison decides by
	Examples int
	Told     []string // what of the data is left out, not read, or hardly meant
}

// What a drafted recipe asks for; what was tried stands in docs/experiments.md.
const (
	draftShare       = recipe.Share(0.5) // of the teacher, that the student has
	draftReplyTokens = 300
	draftExchanged   = 1   // an example
	draftTried       = 200 // examples, whether that can be done

	// A step takes as many tokens as the longest example has, and few steps that take
	// hundreds of short ones teach less: this share of the examples may be longer than
	// what trainings take, which is rounded up to draftRound tokens.
	draftLong  = 0.01
	draftRound = 128

	// A log of some hundred rows uses some hundred tokens. Cut to these, a student
	// spells every new word in bytes, as its teacher never did: of SmolLM2's 49,152
	// tokens 200 commands of the home-assistant data use 776, in which other commands
	// have 14.5 tokens, with 8,000 8.8, with all 7.5. So many are kept, unless the
	// student is so small that they would take more than half of its other weights.
	draftTokens     = 8000
	draftTokenShare = 0.5

	// draftGain is how much faster than f32 products must be to be worth
	// rounding to bf16.
	draftGain = 1.3
)

// Draft looks at the examples of a file, which is read as [LoadExamples] does, and at
// a teacher, and returns a recipe that trains the teacher on them, halves it, and
// teaches the half. flags are the recipe's.
func Draft(teacher, path, format string, columns recipe.Columns, flags map[string]string) (*Drafted, error) {
	d := &Drafted{Recipe: recipe.Default[recipe.Recipe](), Remarks: map[string]string{}}
	d.Recipe.Data.Format, d.Recipe.Data.Columns, d.Recipe.Flags = format, columns, flags
	if err := data.CheckFiles(path); err != nil {
		return nil, d.Recipe.Cause("data.train", err)
	}
	reading := dataSettings{Format: format, Columns: columns}
	var notes data.Notes
	examples, err := reading.load(path, &notes)
	if err != nil {
		return nil, d.Recipe.Cause("data.train", nameColumns(d.Recipe, err))
	}
	d.Told = remarks(path, notes)
	examples = slices.DeleteFunc(examples, func(e data.Example) bool { return e.Split == data.Test })
	d.Examples = len(examples)
	d.judge(data.Detect(examples))
	d.augment(examples)
	m, err := Open(teacher)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if text := spelledOut(m, teacher, examples); text != "" {
		d.Told = append(d.Told, text)
	}
	if err := adaptTemplate(m, examples); err != nil {
		return nil, err
	}
	if err := d.tune(m, examples); err != nil {
		return nil, err
	}
	set, l, err := sequences(m, examples, nil)
	if err == nil {
		err = d.lengths(m, l.learned)
	}
	if err != nil {
		return nil, err
	}
	d.paces(set, m.Config().Params(), d.shrink(m, set))
	return d, nil
}

// judge drafts what a right reply is, in data that was found to be so.
func (d *Drafted) judge(found data.Description) {
	d.Metric, d.Found = found.Metric(), found.String()
	if found.Form != data.FreeText { // there auto shows replies beside the loss
		d.Recipe.Task = found.Task()
	}
	d.Remarks["task"] = "detected: " + d.Found
	if near := found.Near.String(); near != "" {
		d.Told = append(d.Told, near)
		d.Remarks["task"] += "; " + near
	}
}

// augment drafts further examples where values of slots can be exchanged between those
// that there are.
func (d *Drafted) augment(examples []data.Example) {
	n := min(len(examples), draftTried)
	if len(data.ExchangeSlots(examples, nil, n, 0)) < n/2 {
		return
	}
	d.Recipe.Data.Augment = recipe.Default[recipe.Augment]()
	d.Recipe.Data.Augment.ExchangeSlots = draftExchanged
	d.Remarks["data.augment"] = "makes further training examples from those there are"
	d.Remarks["data.augment.exchange_slots"] = "per example, copies with values of others' slots"
}

// tune drafts the training of the teacher m, and gives it the tokens that it
// will have then.
func (d *Drafted) tune(m *model.Model, examples []data.Example) error {
	stage := recipe.Default[recipe.Stage]()
	stage.Train = recipe.Default[recipe.Train]()
	d.Recipe.Teacher = []recipe.Stage{*stage}
	d.Remarks["teacher.train"] = "the large model is trained on the data first; leave it out if it was"
	if machine.FastBF16() && bf16Rate() > draftGain*f32Rate() { // elsewhere is nothing to measure
		stage.Train.Compute = recipe.BF16
		d.Remarks["teacher.train.compute"] = "this processor multiplies it faster than f32"
	}
	return d.replyTokens(m, examples, stage.Train)
}

// lengths drafts how long the examples of the trainings may be, of which the tokens
// are given: as long as they are, but for a few, and at most as m's context. It is an
// error if none is left.
func (d *Drafted) lengths(m *model.Model, tokens []int) error {
	n, context := len(tokens), m.Config().Context
	if n == 0 {
		return nil // texts, which are cut
	}
	slices.Sort(tokens)
	t := d.Recipe.Teacher[0].Train
	most := max(int(t.MaxTokens), tokens[n-1-int(draftLong*float64(n))])
	most = min((most+draftRound-1)/draftRound*draftRound, context)
	t.MaxTokens = recipe.Count(most)
	t.BatchTokens = max(t.BatchTokens, t.MaxTokens)
	fit, _ := slices.BinarySearch(tokens, most+1)
	if fit == 0 {
		return d.Recipe.Problem("data.train", fmt.Sprintf("none of %s fits in the model's context of %s tokens",
			typeset.Counted(n, "example"), typeset.Number(context)), "shorter examples, or a model of a longer context")
	}
	if fit < n {
		long := fmt.Sprintf("%s of %s have more than %s tokens, up to %s, and are left out of trainings; the model's context is %s",
			typeset.Number(n-fit), typeset.Counted(n, "example"), typeset.Number(most), typeset.Number(tokens[n-1]), typeset.Number(context))
		d.Told = append(d.Told, "max_tokens: "+long)
		d.Remarks["teacher.train.max_tokens"], d.Remarks["distill.max_tokens"] = long, long
	}
	return nil
}

// shrink drafts what makes half of the teacher m, which cuts the examples into set, and
// returns how many parameters the half has.
func (d *Drafted) shrink(m *model.Model, set []train.Sequence) (params int) {
	r, tune := d.Recipe, d.Recipe.Teacher[0].Train
	r.Student.Layers.Share, r.Student.FFN.Share = draftShare, draftShare
	params = d.vocabulary(m, set)
	r.Distill = recipe.Default[recipe.Distill]()
	r.Distill.Cache, r.Distill.Compute = "topk", tune.Compute
	r.Distill.MaxTokens, r.Distill.BatchTokens = tune.MaxTokens, tune.BatchTokens
	r.Quantize = recipe.Default[recipe.Quantize]()
	r.Quantize.Format, r.Quantize.Imatrix = recipe.DefaultFormat, false // which has no use for it
	return params
}

// vocabulary drafts how many of the tokens of m the student keeps: at least those
// that the data uses. [prune.Tokens] takes what is left of the count from the most
// frequent of the text that the tokenizer was made from. It returns the student's
// parameters.
func (d *Drafted) vocabulary(m *model.Model, set []train.Sequence) (params int) {
	c := m.Config()
	used := make([]bool, c.Vocab)
	for _, s := range set {
		for _, id := range s.IDs {
			used[id] = true
		}
	}
	student := &d.Recipe.Student
	body := c
	body.Layers, body.FFN = student.Layers.Of(c.Layers), inBlocks(student.FFN, c.FFN)
	_, kept, err := m.Tokenizer.Spec().Prune(func(id int) bool { return used[id] })
	if err != nil {
		return body.Params() // a tokenizer that cannot be cut stays whole
	}
	body.Vocab = 0
	one := body
	one.Vocab = 1
	room := int(draftTokenShare * float64(body.Params()) / float64(one.Params()-body.Params()))
	count := min(c.Vocab, max(len(kept), min(draftTokens, room)))
	student.Vocab.Count = int64(count)
	d.Remarks["student.vocab"] = fmt.Sprintf("of %d: those that the data uses", c.Vocab)
	if count > len(kept) {
		d.Remarks["student.vocab"] = fmt.Sprintf("of %d: the %d that the data uses, and the most frequent of others, for words that it lacks", c.Vocab, len(kept))
	}
	body.Vocab = count
	return body.Params()
}

// replyTokens asks for new tokens, and gives them to m, if replies repeat
// anything.
func (d *Drafted) replyTokens(m *model.Model, examples []data.Example, t *recipe.Train) error {
	before := replyLength(m, examples)
	t.ReplyTokens = draftReplyTokens
	n, err := extend(m, examples, *t)
	if err != nil || n == 0 {
		t.ReplyTokens = 0
		return err
	}
	d.Remarks["teacher.train.reply_tokens"] = fmt.Sprintf("%d for what replies repeat: of a reply's %.1f tokens %.1f are left", n, before, replyLength(m, examples))
	return nil
}

// replyLength returns the mean number of tokens of a reply.
func replyLength(m *model.Model, examples []data.Example) float64 {
	tokens, replies := 0, 0
	for i := range examples {
		if reply, ok := examples[i].Reply(); ok {
			tokens += len(m.ReplyIDs(reply))
			replies++
		}
	}
	return float64(tokens) / float64(max(1, replies))
}
