package compare

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"limbeck/compress/distill"
	"limbeck/data"
	"limbeck/eval/report"
	"limbeck/measure"
	"limbeck/model"
	"limbeck/model/generate"
	"limbeck/nn/op"
)

// groupBytes bounds the models that are open beside the teacher at a time.
const groupBytes = 512 << 20

// diverge measures how far the models are from the first one, if that is a
// teacher, on the tokens of the data's replies.
func (c *comparison) diverge(ctx context.Context) error {
	teacher := c.rows[0]
	if teacher.Role != report.Teacher {
		return nil
	}
	var todo []*row
	for _, r := range c.rows[1:] {
		if r.Role != report.Teacher && !c.recall(c.divergenceKey(r), &r.Model.Divergence) {
			todo = append(todo, r)
		}
	}
	for len(todo) > 0 {
		debug.FreeOSMemory() // what answering, or the models before, held
		n, sum := 0, int64(0)
		for n < len(todo) && (n == 0 || sum+todo[n].Model.Bytes <= groupBytes) {
			sum += todo[n].Model.Bytes
			n++
		}
		if err := c.divergeFrom(ctx, teacher, todo[:n]); err != nil {
			return err
		}
		todo = todo[n:]
	}
	return nil
}

// divergenceVersion changes with what divergences that were kept hold.
const divergenceVersion = "3"

func (c *comparison) divergenceKey(r *row) string {
	return c.key("divergence", divergenceVersion, c.rows[0].Digest, r.Digest)
}

// A student is open beside its teacher.
type student struct {
	row   *row
	model *model.Model
	kept  []int32 // the teacher's tokens of the student's; nil: the same
	vocab distill.Vocabulary
	sums  measure.Divergences
}

// divergeFrom measures some models against the teacher, which reads each reply
// once for all whose tokens are the same.
func (c *comparison) divergeFrom(ctx context.Context, teacher *row, rows []*row) error {
	t, err := c.Open(teacher.Ref)
	if err != nil {
		return err
	}
	defer t.Close()
	t.Pack(c.pool)
	var students []*student
	for _, r := range rows {
		m, err := c.Open(r.Ref)
		if err != nil {
			return err
		}
		defer m.Close()
		vocab, err := distill.Match(m.Tokenizer.Spec(), t.Tokenizer.Spec())
		if err != nil {
			c.Notes = append(c.Notes, report.Note{Title: "Divergence",
				Text: fmt.Sprintf("Not measured for %s: %v.", r.Name, err)})
			continue
		}
		m.Pack(c.pool)
		s := &student{row: r, model: m, vocab: vocab}
		for _, id := range vocab {
			s.kept = append(s.kept, int32(id))
		}
		students = append(students, s)
	}
	precision, err := generate.NewPrecision(t.Config(), c.Exact, c.Cache)
	if err != nil {
		return err
	}
	runner := generate.NewRunner(t, c.pool, precision)
	if err := c.divergeOn(ctx, runner.Tape(), t, students); err != nil {
		return err
	}
	for _, s := range students {
		d := s.sums.Summary()
		if d.KL.N == 0 {
			c.Notes = append(c.Notes, report.Note{Title: "Divergence",
				Text: fmt.Sprintf("Not measured for %s: no example has tokens to compare that fit in its context and in that of %s.", s.row.Name, teacher.Name)})
			continue
		}
		s.row.Model.Divergence = &report.Divergence{KL: report.N(d.KL.Value), SE: ifKnown(d.KL.Known().SE), SameTop: report.N(d.SameTop.Value),
			Dropped: report.N(d.Dropped.Value), N: d.KL.N, Tokens: d.Tokens}
		if err := c.keep(c.divergenceKey(s.row), s.row.Model.Divergence); err != nil {
			return err
		}
	}
	return nil
}

// DivergeTokens is about how many tokens one pass reads to compare models token by
// token: examples are added until it has as many.
const DivergeTokens = 256

// divergeOn compares the models on the examples' replies, some in one pass, or on
// pieces of plain texts.
func (c *comparison) divergeOn(ctx context.Context, tape *op.Tape, teacher *model.Model, students []*student) error {
	examples := data.CutTexts(c.examples)
	for lo := 0; lo < len(examples); {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi, tokens := lo, 0
		for ; hi < len(examples) && tokens < DivergeTokens; hi++ {
			prompt, reply, err := tokensOf(teacher, &examples[hi])
			if err != nil {
				return fmt.Errorf("compare: divergence: example %s: %w", examples[hi].ID, err)
			}
			tokens += len(prompt) + len(reply)
		}
		if err := c.divergePass(tape, teacher, students, examples[lo:hi]); err != nil {
			return fmt.Errorf("compare: divergence: %w", err)
		}
		lo = hi
		c.Progress("divergence from "+c.rows[0].Name, int64(hi), int64(len(examples)), "")
	}
	return nil
}

// tokensOf returns what m is given of an example, and the tokens that it is judged
// by: the prompt and the reply, or the start of a text and the tokens after it. The
// reply is empty if there is none.
func tokensOf(m *model.Model, e *data.Example) (prompt, reply []int, err error) {
	if e.Kind() == data.Plain {
		if ids, start := data.TextIDs(m, e.Text), data.TextStart(m); len(ids) > start {
			prompt, reply = ids[:start], ids[start:]
		}
		return prompt, reply, nil
	}
	text, ok := e.Reply()
	if !ok {
		return nil, nil, nil
	}
	prompt, err = data.PromptIDs(m, e)
	return prompt, m.ReplyIDs(text), err
}

// divergePass lets all models read some examples. The teacher reads them once
// for all students whose tokens are the same.
func (c *comparison) divergePass(tape *op.Tape, teacher *model.Model, students []*student, examples []data.Example) error {
	var groups []*group
	for _, s := range students {
		theirs, own, err := s.passages(teacher, examples)
		if err != nil {
			return err
		}
		if len(own.Rows) == 0 {
			continue
		}
		i := slices.IndexFunc(groups, func(g *group) bool { return g.reads(theirs) })
		if i < 0 {
			i, groups = len(groups), append(groups, &group{theirs: theirs, vocab: teacher.Config().Vocab})
		}
		g := groups[i]
		g.readers, g.vocab = append(g.readers, &reader{student: s, own: own}), max(g.vocab, s.model.Config().Vocab)
	}
	for _, g := range groups {
		tape.Reset()
		c.divergeGroup(tape, teacher, g, RowsAtOnce(g.vocab))
		for _, r := range g.readers {
			r.count()
		}
	}
	return nil
}

// A group is students whose tokens are the same, and what the teacher reads for them.
type group struct {
	theirs  *passage
	readers []*reader
	vocab   int // the largest of all
}

// A reader is a student that reads a passage.
type reader struct {
	student *student
	own     *passage
	hidden  *op.Value
	found   []measure.Divergence // at each of the passage's rows
}

// reads reports whether p is what the teacher reads for g.
func (g *group) reads(p *passage) bool {
	return slices.Equal(g.theirs.IDs, p.IDs) && slices.Equal(g.theirs.Rows, p.Rows)
}

// RowsAtOnce returns of how many rows of a passage logits exist at once, over vocabularies
// of this size at most: those of a teacher and of one student take no more memory than a
// loss.
func RowsAtOnce(vocab int) int { return op.HeadRows(vocab) / 2 }

// divergeGroup compares a group with the teacher, some rows at once.
func (c *comparison) divergeGroup(tape *op.Tape, teacher *model.Model, g *group, atOnce int) {
	hidden := teacher.Forward(tape, g.theirs.Batch)
	rows := make([]int, len(g.theirs.Rows))
	for i := range rows {
		rows[i] = i
	}
	for _, r := range g.readers {
		r.hidden = r.student.model.Forward(tape, r.own.Batch)
		r.found = make([]measure.Divergence, len(rows))
	}
	mark := tape.Mark()
	for some := range slices.Chunk(rows, atOnce) {
		known := teacher.Head(tape, hidden, some)
		said := tape.Mark()
		for _, r := range g.readers {
			own := r.student.model.Head(tape, r.hidden, some)
			c.parallel(len(some), func(i int) {
				r.found[some[i]] = measure.Diverge(known.Row(i), own.Row(i), r.student.kept)
			})
			tape.Release(said)
		}
		tape.Release(mark)
	}
}

// count adds what was found, in the rows' order.
func (r *reader) count() {
	row := 0
	for _, n := range r.own.replies {
		for range n {
			r.student.sums.Add(r.found[row])
			row++
		}
		r.student.sums.EndItem()
	}
}

// A passage is what a model reads in one pass: prompts with their replies, whose
// tokens its rows predict.
type passage struct {
	op.Batch

	replies []int // how many rows each reply has
}

func (p *passage) add(prompt, reply []int) {
	p.Add(slices.Concat(prompt, reply), len(prompt))
	p.replies = append(p.replies, len(reply))
}

// passages returns what teacher and student read of the examples: each the prompt
// as its own template renders it, and the reply, or as much of a text as either's
// context holds, in the student's tokens. Examples too long for either are left out.
func (s *student) passages(teacher *model.Model, examples []data.Example) (theirs, own *passage, err error) {
	theirs, own = &passage{}, &passage{}
	for i := range examples {
		ours, ids, err := tokensOf(s.model, &examples[i])
		if err != nil {
			return nil, nil, err
		}
		var prompt []int
		if examples[i].Kind() == data.Plain {
			prompt = s.vocab.IDs(nil, ours)
			room := min(s.model.Config().Context-len(ours), teacher.Config().Context-len(prompt))
			ids = ids[:min(len(ids), max(0, room))]
		} else if prompt, err = data.PromptIDs(teacher, &examples[i]); err != nil {
			return nil, nil, err
		}
		if len(ours) == 0 || len(prompt) == 0 || len(ids) == 0 ||
			len(ours)+len(ids) > s.model.Config().Context || len(prompt)+len(ids) > teacher.Config().Context {
			continue
		}
		theirs.add(prompt, s.vocab.IDs(nil, ids))
		own.add(ours, ids)
	}
	return theirs, own, nil
}
