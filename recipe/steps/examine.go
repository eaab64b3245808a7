package steps

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"limbeck/data"
	"limbeck/eval/bench"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/recipe"
	"limbeck/store/builtin"
	"limbeck/train"
)

// A look is what is known of a recipe's steps before any was made: its data,
// counted, and the models' shapes.
type look struct {
	config     arch.Config // of the model that the recipe names
	bytes      int64       // of its weights, as the file holds them
	packed     bool        // whether they multiply int8 activations
	carried    bool        // by the program itself: packing lets go of no file
	student    arch.Config // of what is cut from it, or of the student that is a model of its own
	pass       work        // one pass over the training examples, with those to be made
	validation work        // one validation of the training at hand
	mean       float64     // tokens an example
	perByte    float64     // tokens a byte of plain text; 0 without any
	prompts    work        // one pass over the prompts alone
	made       float64     // examples to be synthesized
	own        lengths     // in the tokens of the model that the recipe names
	cut        lengths     // in those of the student
	longest    int         // tokens of a training's longest example; 0: not known
	spelled    string      // a warning of control tokens in the examples' text; "" for none

	sketched *model.Model // the student, without its weights, if it has fewer tokens
}

// work is how many tokens a step has before it, and how many of them carry
// loss.
type work struct{ tokens, rows float64 }

func (w work) times(n float64) work { return work{w.tokens * n, w.rows * n} }

func (w work) and(v work) work { return work{w.tokens + v.tokens, w.rows + v.rows} }

// looks remembers, as the variants of a recipe read the same data.
var looks = struct {
	sync.Mutex
	seen map[string]look
}{seen: map[string]look{}}

// examine reads the recipe's training examples and the model of ref. What the
// recipe asks of them and cannot have is a [recipe.Problem].
func examine(c *recipe.Chain, ref string) (look, error) {
	r := c.Recipe
	key, err := json.Marshal([]any{r.Path, ref, r.Data, r.Trainings(), r.Student, r.Prune, r.Synthesize, r.Distill, r.Quantize})
	if err != nil {
		return look{}, err
	}
	looks.Lock()
	defer looks.Unlock()
	if l, ok := looks.seen[string(key)]; ok {
		return l, nil
	}
	rest, held, err := readExamples(c)
	if err != nil {
		return look{}, err
	}
	m, err := openReady(c, ref, rest, Open)
	if err != nil {
		return look{}, err
	}
	defer m.Close()
	set, own, err := sequences(m, rest, held)
	if err != nil {
		return look{}, err
	}
	l := look{config: m.Config(), carried: strings.HasPrefix(ref, builtin.Prefix)}
	for _, w := range m.Weights() {
		l.bytes += int64(w.Type().Bytes(w.Rows * w.Cols))
		fast := w.Fast()
		l.packed = l.packed || fast != nil && fast.Int8()
	}
	l.count(c.Recipe.Data, set)
	l.perByte = perByte(set, rest)
	l.own, l.cut = own, own
	l.spelled = spelledOut(m, ref, rest)
	if y := r.Synthesize; y != nil {
		l.made = keptShare * float64(y.Prompts)
	}
	imp, err := uses(r, m, set)
	if err != nil {
		return look{}, err
	}
	student, err := sketch(r, m, imp)
	if err != nil {
		return look{}, err
	}
	if ref == studentRef(c) {
		if err := checkSize(r, student); err != nil {
			return look{}, err
		}
	}
	l.student = student.Config()
	if l.student.Vocab < l.config.Vocab {
		l.sketched = alike(student)
		if !plain(rest) { // a text is cut, and has no lengths
			if _, l.cut, err = sequences(l.sketched, rest, held); err != nil {
				return look{}, err
			}
		}
	}
	looks.seen[string(key)] = l
	return l, nil
}

// alike returns a student of an earlier look that reads texts as m does, or else m: a
// tokenizer, with the words that it has seen, takes a megabyte, and a recipe may have a
// hundred variants. The caller holds looks.
func alike(m *model.Model) *model.Model {
	for _, l := range looks.seen {
		s := l.sketched
		if s != nil && s.Config().Context == m.Config().Context && s.TemplateSource() == m.TemplateSource() &&
			reflect.DeepEqual(s.Tokenizer.Spec(), m.Tokenizer.Spec()) {
			return s
		}
	}
	return m
}

// spelledOut says how many examples hold a control token of the model of ref, which is
// not what it is in a rendered chat; "" if none does.
func spelledOut(m *model.Model, ref string, examples []data.Example) string {
	n, first := 0, ""
	for i := range examples {
		e := &examples[i]
		found := m.Tokenizer.Spelled(e.Text)
		for k := 0; k < len(e.Messages) && found == ""; k++ {
			found = m.Tokenizer.Spelled(e.Messages[k].Content)
		}
		if found != "" {
			n, first = n+1, cmp.Or(first, found)
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s of %s hold %s, a control token of %s; it is read as such in prompts, and as plain text elsewhere: give chats as messages",
		typeset.Number(n), typeset.Counted(len(examples), "example"), first, ref)
}

// examineTeacher examines the teacher that ref begins, beside the student: what
// training makes of a teacher is f32.
func examineTeacher(c *recipe.Chain, ref string) (look, error) {
	l, err := examine(c, ref)
	if own := studentRef(c); err == nil && own != ref {
		var s look
		s, err = examine(c, own)
		l.student = s.student
	}
	for _, s := range c.Recipe.Teacher {
		if s.Train != nil {
			l.bytes, l.packed, l.carried = 4*int64(l.config.Params()), false, false
		}
	}
	return l, err
}

// count adds up the tokens of set, and what the data step will make of them.
func (l *look) count(d recipe.Data, set []train.Sequence) {
	for _, s := range set {
		l.pass.tokens += float64(len(s.IDs) - 1)
		l.pass.rows += float64(s.Targets())
		l.prompts.tokens += float64(s.From)
	}
	l.prompts.rows = l.prompts.tokens
	l.mean = l.pass.tokens / float64(max(1, len(set)))
	l.pass = l.pass.times(augmented(d))
}

// makesMore tells whether the training of a key learns from examples that the recipe
// makes beside those that the data has.
func makesMore(r *recipe.Recipe, key string) bool {
	return augmented(r.Data) > 1 || r.Synthesize != nil && learnsMade(key)
}

// learnsMade tells whether what the training of a key learns from has the synthetic
// examples, which the teacher answers.
func learnsMade(key string) bool { return !strings.HasPrefix(key, "teacher") }

// examples returns the number of training examples that the data has.
func (l *look) examples(d recipe.Data) float64 { return l.pass.tokens / max(1, l.mean) / augmented(d) }

// whole returns the look at what the student learns from: with the examples that
// are to be synthesized.
func (l look) whole(d recipe.Data) look {
	examples := l.examples(d)
	grow := 1 + l.made/max(1, examples*augmented(d))
	l.pass = l.pass.times(grow)
	return l
}

// losing returns the look at a training whose loss is on those tokens.
func (l look) losing(on string) look {
	if on == recipe.LossOnAll {
		l.pass.rows = l.pass.tokens
	}
	return l
}

// readFile reads the examples of a file that the recipe names by a key, which its steps
// will read again.
func readFile(r *recipe.Recipe, key string, f recipe.File) ([]data.Example, error) {
	if err := data.CheckFiles(r.Find(f)); err != nil {
		return nil, r.Cause(key, err)
	}
	s := newDataSettings(r)
	all, err := s.load(r.Find(f), new(data.Notes))
	if err != nil {
		return nil, r.Cause(key, nameColumns(r, err))
	}
	return all, nil
}

// nameColumns adds to an error about columns what says which to take: the flags of
// the command line, or the recipe's keys.
func nameColumns(r *recipe.Recipe, err error) error {
	name := func(key string) string {
		if key = "data.columns." + key; r.Path == "" {
			return r.Flags[key]
		}
		return key
	}
	if name("prompt") == "" || !errors.Is(err, data.ErrColumns) {
		return err
	}
	return fmt.Errorf("%w; %s with %s or %s, or %s with %s, names others", err,
		name("prompt"), name("completion"), name("label"), name("text"), name("intent"))
}

// readExamples reads the recipe's training examples as the data step will, and those
// that are held out; that step may not have run yet.
func readExamples(c *recipe.Chain) (rest, held []data.Example, err error) {
	rest, held, err = readKnown(c.Recipe)
	if d := c.Recipe.Data; err != nil || d.Train == "" || d.Validation.File != "" {
		return rest, held, err
	}
	return rest, held, checkHeld(c.Recipe, rest, held)
}

// readTraining reads the examples of data.train, and divides them in those to
// learn from and those that are held out.
func readTraining(r *recipe.Recipe) (rest, held []data.Example, err error) {
	if r.Data.Train == "" {
		return nil, nil, nil
	}
	if rest, err = readFile(r, "data.train", r.Data.Train); err != nil {
		return nil, nil, err
	}
	if r.Data.Validation.File != "" {
		if _, part := cutPart(r, r.Data.Train); part == "" {
			rest = data.Unassigned(rest)
		}
		return rest, nil, nil
	}
	rest, held = data.Holdout(rest, float64(r.Data.Validation.Share))
	return rest, held, nil
}

// checkHeld refuses a validation share that leaves nothing to learn from, or to
// validate with. Without one, as 0% says, a training keeps what it ends with, and
// can try but one learning rate.
func checkHeld(r *recipe.Recipe, rest, held []data.Example) error {
	share := r.Data.Validation.Share
	if share == 0 && len(held) == 0 {
		if err := checkUnheld(r); err != nil {
			return err
		}
	}
	switch {
	case len(rest) == 0 && len(held) > 0 && r.Trains():
		return r.Problem("data.validation", fmt.Sprintf("%v holds out all of %s: none is left to learn from", share, typeset.Counted(len(held), "example")),
			"a smaller share, or a file of other examples")
	case len(held) > 0:
	case share > 0 && r.Trains() && len(rest) > 0 && rest[0].Whole:
		return r.Problem("data.validation", fmt.Sprintf("%v of %s of so few words is none", share, typeset.Counted(len(rest), "text")),
			"a larger share, a file of other examples, or 0% to train without")
	case share > 0 && r.Trains():
		return r.Problem("data.validation", fmt.Sprintf("%v of %s is none: there are no two different texts", share, typeset.Counted(len(rest), "example")),
			"a file of other examples, or 0% to train without")
	case r.Data.Test == "" && !r.Compare.Off:
		return r.Problem("data.validation", fmt.Sprintf("%v of %s is none, and there are no test examples: nothing is left to compare with", share, typeset.Counted(len(rest), "example")),
			"a larger share, a file of other examples, or data.test")
	}
	return nil
}

// checkUnheld refuses trainings that ask for validations where nothing is held out: no
// row is assigned to them either.
func checkUnheld(r *recipe.Recipe) error {
	const but, or = ", but nothing is held out: data.validation is 0%", ", or a validation of another share or file"
	for _, t := range r.Trainings() {
		if len(t.LR) > 1 {
			return r.Problem(t.Key+".lr", "lists rates of which validation chooses"+but, "one rate"+or)
		}
		if t.Patience > 0 {
			return r.Problem(t.Key+".patience", "counts validations"+but, "0"+or)
		}
	}
	return nil
}

// openReady opens the model of ref with the template and the tokens that trainings on
// the examples leave it.
func openReady(c *recipe.Chain, ref string, examples []data.Example, open bench.Opener) (*model.Model, error) {
	m, err := openRef(c, ref, open)
	if err != nil {
		return nil, err
	}
	if err = checkAsked(c.Recipe, ref, m, examples); err == nil {
		err = adaptTemplate(m, examples)
	}
	for _, t := range c.Recipe.Trainings() {
		if err == nil {
			_, err = extend(m, examples, *t.Train)
		}
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// checkAsked refuses a model without a chat template, or with one that is not known, that
// is to be compared as it is: no training gives it another.
func checkAsked(r *recipe.Recipe, ref string, m *model.Model, examples []data.Example) error {
	if m.Template != nil || r.Compare.Off || len(examples) == 0 || plain(examples) {
		return nil
	}
	problem := "has no chat template"
	if m.Unread != nil {
		problem = m.Unread.Error()
	}
	problem += ", and the comparison asks it the examples as it is"
	taught := func(s recipe.Stage) bool { return s.Train != nil }
	switch {
	case r.Teacher[0].From.Text == ref && !slices.ContainsFunc(r.Teacher, taught):
		return r.Problem(teacherKey, problem, "a model with one, or train: {…} beside it")
	case r.Student.From.Text == ref && r.Train == nil && r.Distill == nil:
		return r.Problem(studentKey, problem, "a model with one, or train: {…}")
	}
	return nil
}

// The keys that name models.
const (
	teacherKey = "teacher[0].from"
	studentKey = "student.from"
)

// openRef opens, by [Open] or [Look], the model that a recipe names.
func openRef(c *recipe.Chain, ref string, open bench.Opener) (*model.Model, error) {
	path, key := ref, teacherKey
	if !strings.HasPrefix(ref, builtin.Prefix) {
		path = c.Recipe.Find(recipe.File(ref))
	}
	if from := c.Recipe.Student.From; from.Model() && from.Text == ref {
		key = studentKey
	}
	m, err := open(path)
	if err != nil {
		return nil, c.Recipe.Cause(key, err)
	}
	return m, nil
}
