package eval

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"limbeck/data"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/model/generate"
)

// The tasks that judge no reply by its text alone, as those in [Tasks] do.
const (
	ChoiceTask     = "choice"     // the model chooses the likeliest of all the data's replies
	PerplexityTask = "perplexity" // of a text, or of the data's replies
)

// TaskNames lists the tasks of [Measure], sorted.
func TaskNames() []string {
	names := []string{ChoiceTask, PerplexityTask}
	for _, t := range Tasks {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return names
}

// A Job is what [Measure] is to do.
type Job struct {
	Task     string         // one of [TaskNames]
	Examples []data.Example // what the model is judged on
	Limit    int            // judge the first so many; 0: all. Choices are among the replies of all
	Text     string         // PerplexityTask: measure this text and no examples, unless it is empty
	Windows  int            // of the text, 512 tokens each; 0: all
	Data     string         // SHA-256 of the data's file, which the result repeats; may be empty
	Model    string         // what errors and remarks call the model

	Remark   func(format string, args ...any) // is told which examples are left out; may be nil
	Progress func(done, total int)            // of examples or windows; may be nil
}

// A Measurement is what a model reached on a task: of PerplexityTask that, of all others
// a Result with the examples behind it.
type Measurement struct {
	Perplexity *Perplexity

	Result      *Result
	Examples    []data.Example // those that were judged, one for each of the result's items
	Confidences []float64      // the probability of each reply under the model
}

// Measure lets a model do a task, greedily. Examples that are longer than its context
// are left out, as comparisons do, and counted; that none is left is an error, as is
// what a task finds wrong with the examples.
func Measure(ctx context.Context, r *generate.Runner, j Job) (*Measurement, error) {
	if j.Remark == nil {
		j.Remark = func(string, ...any) {}
	}
	if j.Progress == nil {
		j.Progress = func(int, int) {}
	}
	switch j.Task {
	case PerplexityTask:
		p, err := j.perplexity(ctx, r)
		if err != nil {
			return nil, err
		}
		p.Data = j.Data
		return &Measurement{Perplexity: &p}, nil
	case ChoiceTask:
		return j.choice(ctx, r)
	}
	for _, t := range Tasks {
		if t.Name == j.Task {
			return j.replies(ctx, r, t)
		}
	}
	return nil, fmt.Errorf("eval: task %q is not known; known are: %s", j.Task, strings.Join(TaskNames(), ", "))
}

// judged returns the examples within the job's limit.
func (j *Job) judged() []data.Example {
	if j.Limit > 0 {
		return j.Examples[:min(j.Limit, len(j.Examples))]
	}
	return j.Examples
}

// fitting returns the judged examples for whose prompt and so many tokens of a reply, or
// [WholeReply], the model has room, and how many it left out.
func (j *Job) fitting(ctx context.Context, m *model.Model, tokens int) (kept []data.Example, left int, err error) {
	examples := j.judged()
	long, err := TooLong(m, examples, tokens, InTurn(ctx))
	if err != nil || len(long) == 0 {
		return examples, 0, err
	}
	first, room, with := examples[long[0]].ID, m.Config().Context, ""
	if tokens > 1 {
		with = fmt.Sprintf(", with the longest option's %d", tokens)
	}
	all := typeset.Counted(len(examples), "example")
	if len(long) == len(examples) {
		return nil, 0, fmt.Errorf("none of %s fits in the context of %s, %d tokens%s; shorten them", all, j.Model, room, with)
	}
	j.Remark("left out: %d of %s are longer than the context of %s, %d tokens%s; the first is %s", len(long), all, j.Model, room, with, first)
	return Without(examples, long), len(long), nil
}

// replies measures a task that judges what the model replies.
func (j *Job) replies(ctx context.Context, r *generate.Runner, t Task) (*Measurement, error) {
	const written = 1 // token for which there is room: the context may end a reply
	examples, left, err := j.fitting(ctx, r.Model, written)
	if err != nil {
		return nil, err
	}
	if err := t.Check(examples); err != nil {
		return nil, err
	}
	most := ReplyTokens(r.Model, examples)
	replies, err := Answer(ctx, r, examples, most, j.Progress)
	if err != nil {
		return nil, err
	}
	result, err := t.Judge(examples, texts(replies))
	if err != nil {
		return nil, err
	}
	result.Data, result.TooLong, result.ReplyTokens, result.Cut = j.Data, left, most, cutOff(replies)
	m := &Measurement{Result: &result, Examples: examples}
	for i := range replies {
		m.Confidences = append(m.Confidences, replies[i].Confidence())
	}
	return m, nil
}

// choice measures ChoiceTask.
func (j *Job) choice(ctx context.Context, r *generate.Runner) (*Measurement, error) {
	options := choices(j.Examples)
	longest, err := longestOption(r.Model, options)
	if err != nil {
		return nil, err
	}
	examples, left, err := j.fitting(ctx, r.Model, longest)
	if err != nil {
		return nil, err
	}
	m := &Measurement{Examples: examples}
	score := newLikelihoods(r)
	result, err := judgeChoices(ctx, examples, options, func(ctx context.Context, prompt []data.Message, options []string) ([]float64, error) {
		l, err := score(ctx, prompt, options)
		if err == nil {
			m.Confidences = append(m.Confidences, math.Exp(slices.Max(l)))
			j.Progress(len(m.Confidences), len(examples))
		}
		return l, err
	})
	if err != nil {
		return nil, err
	}
	result.Data, result.TooLong = j.Data, left
	m.Result = &result
	return m, nil
}

// longestOption returns how many tokens of m the longest option has, which must leave
// room for a prompt.
func longestOption(m *model.Model, options []string) (longest int, err error) {
	longest = 1
	for _, o := range options {
		n := len(m.ReplyIDs(o))
		if room := m.Config().Context; n >= room {
			return 0, fmt.Errorf("the reply %.60q, which the model may choose, has %d tokens, and its context room for %d with the prompt", o, n, room)
		}
		longest = max(longest, n)
	}
	return longest, nil
}

// perplexity measures PerplexityTask.
func (j *Job) perplexity(ctx context.Context, r *generate.Runner) (Perplexity, error) {
	if j.Text != "" {
		return measurePerplexity(ctx, r.Model, r.Tape(), j.Text, j.Windows, j.Progress)
	}
	examples, left, err := j.fitting(ctx, r.Model, WholeReply)
	if err != nil {
		return Perplexity{}, err
	}
	p, err := measureReplies(ctx, r.Model, r.Tape(), examples, j.Progress)
	p.TooLong = left
	return p, err
}
