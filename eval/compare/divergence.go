package compare

import (
	"context"
	"fmt"
	"slices"

	"limbeck/compress/distill"
	"limbeck/data"
	"limbeck/eval/report"
	"limbeck/measure"
	"limbeck/model"
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
		if r.local == nil && r.Role != report.Teacher && !c.recall(c.divergenceKey(r), &r.Model.Divergence) {
			todo = append(todo, r)
		}
	}
	for len(todo) > 0 {
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

func (c *comparison) divergenceKey(r *row) string {
	return c.key("divergence", c.rows[0].Digest, r.Digest)
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
	tape := op.NewTape(c.pool)
	tape.Exact = c.Exact
	for i := range c.examples {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := divergeOn(tape, t, students, &c.examples[i]); err != nil {
			return fmt.Errorf("compare: divergence: example %s: %w", c.examples[i].ID, err)
		}
		c.Progress("divergence from "+teacher.Name, int64(i+1), int64(len(c.examples)), "")
	}
	for _, s := range students {
		d := s.sums.Summary()
		s.row.Model.Divergence = &report.Divergence{KL: report.N(d.KL.Value), SE: report.N(d.KL.SE), SameTop: report.N(d.SameTop.Value),
			Dropped: report.N(d.Dropped.Value), N: d.KL.N, Tokens: d.Tokens}
		if err := c.keep(c.divergenceKey(s.row), s.row.Model.Divergence); err != nil {
			return err
		}
	}
	return nil
}

// divergeOn compares the models on one example's reply. Each model reads the
// prompt as its own template renders it; the reply is the student's tokens.
func divergeOn(tape *op.Tape, teacher *model.Model, students []*student, e *data.Example) error {
	reply, ok := e.Reply()
	if !ok {
		return nil
	}
	prompt, err := data.PromptIDs(teacher, e)
	if err != nil {
		return err
	}
	var read []int      // the reply that the teacher read last
	var known []float32 // its logits, [reply, vocabulary]
	for _, s := range students {
		own, err := data.PromptIDs(s.model, e)
		if err != nil {
			return err
		}
		ids := s.model.ReplyIDs(reply)
		theirs := s.vocab.IDs(nil, ids)
		if len(own) == 0 || len(prompt) == 0 || len(own)+len(ids) > s.model.Config().Context ||
			len(prompt)+len(theirs) > teacher.Config().Context {
			continue
		}
		if read == nil || !slices.Equal(read, theirs) {
			known, read = append(known[:0], logits(tape, teacher, prompt, theirs)...), theirs
		}
		add(&s.sums, known, logits(tape, s.model, own, ids), len(ids), s.kept)
	}
	return nil
}

// logits returns what a model predicts at each token of a reply, [reply, vocab].
// They live until the tape's next use.
func logits(t *op.Tape, m *model.Model, prompt, reply []int) []float32 {
	ids := append(append([]int(nil), prompt...), reply[:len(reply)-1]...)
	rows := make([]int, len(reply))
	for i := range rows {
		rows[i] = len(prompt) - 1 + i
	}
	t.Reset()
	return m.Head(t, m.Forward(t, op.One(ids, nil)), rows).Data
}

// add counts the positions of one reply, of so many tokens.
func add(d *measure.Divergences, teacher, student []float32, tokens int, kept []int32) {
	wide, narrow := len(teacher)/tokens, len(student)/tokens
	for i := range tokens {
		t, s := teacher[i*wide:(i+1)*wide], student[i*narrow:(i+1)*narrow]
		if kept == nil {
			d.Add(measure.Diverge(t, s))
		} else {
			d.Add(measure.DivergeKept(t, s, kept))
		}
	}
	d.EndItem()
}
