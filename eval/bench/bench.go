// Package bench times models as their users meet them: text in, text out, one
// request after the other or several at once, greedily, and by [Work], each model in
// a process of its own that starts fresh for every round. Rounds alternate between
// the models, so that what else the machine does hits all alike.
//
// The process is this program itself: main calls [Child] before anything else,
// and a program that was started to time a model does that and ends.
package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"limbeck/data"
	"limbeck/internal/machine"
	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/generate"
	"limbeck/model/guide"
)

// A Job says what to time.
type Job struct {
	Name    string           `json:"name"`       // for errors and progress
	Model   string           `json:"model"`      // as the program's opener takes it
	Prompts [][]data.Message `json:"prompts"`    // one message without role is a text to go on with
	Threads int              `json:"threads"`    // 0: one a core
	Exact   bool             `json:"exact"`      // f32 activations
	Cache   string           `json:"cache_type"` // of keys and values; "": see [generate.Precision]
	Keep    bool             `json:"keep"`       // the model is a file: see [model.OpenPacked]
	Most    int              `json:"max_tokens"` // of a reply
	Works   []Work           `json:"works"`      // to time besides, or instead
	Profile bool             `json:"profile"`    // tell where the time of the works goes

	// Local answers instead of a model, in this process and each prompt once: for what is
	// no language model.
	Local func(text string) string `json:"-"`
}

// A Record is what one round of one job took.
type Record struct {
	Load       float64   `json:"load_seconds"`      // from the file to a model that is ready
	PeakMemory int64     `json:"peak_memory_bytes"` // 0: not known
	Requests   []Request `json:"requests"`
	Rates      []float64 `json:"rates"` // of the works, in tokens a second
	Shape      Shape     `json:"shape"`
	Profiles   []Profile `json:"profiles"`
}

// A Request is what one prompt took: in the mean, if it was answered several times.
type Request struct {
	Seconds float64 `json:"seconds"`       // from text to text
	First   float64 `json:"first_seconds"` // from text to the first token
	Read    int     `json:"prompt_tokens"` // those that the cache did not hold yet
	Written int     `json:"reply_tokens"`
}

// PromptRate returns how many prompt tokens a second were read.
func (r *Record) PromptRate() float64 {
	return r.rate(func(q Request) (float64, float64) { return float64(q.Read), q.First })
}

// DecodeRate returns how many tokens a second were written after each reply's
// first.
func (r *Record) DecodeRate() float64 {
	return r.rate(func(q Request) (float64, float64) {
		return float64(max(0, q.Written-1)), q.Seconds - q.First
	})
}

// RequestRate returns how many requests a second were answered.
func (r *Record) RequestRate() float64 {
	return r.rate(func(q Request) (float64, float64) { return 1, q.Seconds })
}

// rate divides sums over the requests; 0 if there is nothing to divide by.
func (r *Record) rate(of func(Request) (amount, seconds float64)) float64 {
	var amount, seconds float64
	for _, q := range r.Requests {
		a, s := of(q)
		amount, seconds = amount+a, seconds+s
	}
	if seconds <= 0 {
		return 0
	}
	return amount / seconds
}

// FirstToken returns the median time to the first token in seconds; 0 without
// tokens.
func (r *Record) FirstToken() float64 {
	var all []float64
	for _, q := range r.Requests {
		if q.Written > 0 {
			all = append(all, q.First)
		}
	}
	return Median(all)
}

// Median returns the median; 0 of nothing.
func Median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// Rounds times all jobs in each round, forward in the first, backward in the
// second, and so on. It returns the records by job, then by round. progress, which
// may be nil, is told of jobs done and to do, and of the next one's name, which is
// empty at the end.
func Rounds(ctx context.Context, jobs []Job, rounds int, progress func(done, total int, name string)) ([][]Record, error) {
	out := make([][]Record, len(jobs))
	done := 0
	for round := range rounds {
		for k := range jobs {
			if round%2 == 1 {
				k = len(jobs) - 1 - k
			}
			if progress != nil {
				progress(done, rounds*len(jobs), jobs[k].Name)
			}
			record, err := jobs[k].run(ctx)
			if err != nil {
				return nil, fmt.Errorf("bench: %s, round %d: %w", jobs[k].Name, round+1, err)
			}
			out[k] = append(out[k], *record)
			done++
			if progress != nil && done == rounds*len(jobs) {
				progress(done, done, "")
			}
		}
	}
	return out, nil
}

// run times the job once.
func (j *Job) run(ctx context.Context) (*Record, error) {
	if j.Local == nil {
		return j.spawn(ctx)
	}
	var r Record
	for _, p := range j.Prompts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		text := (&data.Example{Messages: p}).Input()
		start := time.Now()
		j.Local(text)
		r.Requests = append(r.Requests, Request{Seconds: time.Since(start).Seconds()})
	}
	return &r, nil
}

// measure times the job in this process. Prompts are answered for a while
// before the clock runs: a process that serves is warm.
func (j *Job) measure(ctx context.Context, open Opener) (*Record, error) {
	start := time.Now()
	opened := generate.LimitGarbage()
	pool := par.New(j.Threads)
	defer pool.Close()
	if j.Keep {
		open = func(ref string) (*model.Model, error) {
			return model.OpenPacked(ref, pool, func(string, ...any) {})
		}
	}
	m, err := open(j.Model)
	opened(m)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	p, err := generate.NewPrecision(m.Config(), j.Exact, j.Cache)
	if err != nil {
		return nil, err
	}
	m.Pack(pool)
	t := newTimer(m, pool, p)
	r := &Record{Load: time.Since(start).Seconds(), Shape: ShapeOf(m, p)}
	if err := j.replies(ctx, t.runner, r); err != nil {
		return nil, err
	}
	if r.Rates, err = t.works(ctx, j.Works); err != nil {
		return nil, err
	}
	r.PeakMemory = machine.PeakMemory()
	if !j.Profile {
		return r, nil
	}
	for _, w := range profiled(j.Works) {
		p, err := t.profile(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w, err)
		}
		r.Profiles = append(r.Profiles, *p)
	}
	return r, nil
}

// replies answers the prompts and adds to r what they took.
func (j *Job) replies(ctx context.Context, runner *generate.Runner, r *Record) (err error) {
	if err := j.warm(ctx, runner); err != nil {
		return err
	}
	session := runner.NewSession(0)
	defer session.Close()
	r.Requests, err = timed(len(j.Prompts), func(i int) (Request, error) {
		if i == 0 { // a pass finds nothing of the one before in the cache
			session.Forget()
		}
		q, err := j.request(ctx, runner.Model, session, j.Prompts[i])
		if err != nil {
			err = fmt.Errorf("prompt %d: %w", i+1, err)
		}
		return q, err
	})
	return err
}

// timed has n prompts answered in turn, again and again, and returns what each took in
// the mean.
func timed(n int, answer func(i int) (Request, error)) ([]Request, error) {
	start, sums := time.Now(), make([]Request, n)
	passes := 0
	for passes == 0 || n > 0 && time.Since(start) < TimeLeast {
		for i := range sums {
			q, err := answer(i)
			if err != nil {
				return nil, err
			}
			q.Seconds, q.First = sums[i].Seconds+q.Seconds, sums[i].First+q.First
			sums[i] = q
		}
		passes++
	}
	for i := range sums {
		sums[i].Seconds /= float64(passes)
		sums[i].First /= float64(passes)
	}
	return sums, nil
}

// A model that answers in less than a millisecond is slower at first, and a few of its
// answers tell little.
const (
	WarmFor   = 250 * time.Millisecond // prompts answered before the clock runs, the first at least
	TimeLeast = 250 * time.Millisecond // all prompts, or works, are done so long, once at least
)

// warm answers the first prompt, and others until that has taken a while.
func (j *Job) warm(ctx context.Context, runner *generate.Runner) error {
	session, start := runner.NewSession(0), time.Now()
	defer session.Close()
	for i := 0; len(j.Prompts) > 0 && (i == 0 || time.Since(start) < WarmFor); i++ {
		k := i % len(j.Prompts)
		if _, err := j.request(ctx, runner.Model, session, j.Prompts[k]); err != nil {
			return fmt.Errorf("prompt %d: %w", k+1, err)
		}
	}
	return nil
}

// question returns the tokens of a prompt, and what holds the reply to a form.
func question(m *model.Model, prompt []data.Message) ([]int, guide.Guide, error) {
	if len(prompt) == 1 && prompt[0].Role == "" {
		return data.TextIDs(m, prompt[0].Content), nil, nil
	}
	return m.Ask(data.Conversation(prompt))
}

// request answers one prompt.
func (j *Job) request(ctx context.Context, m *model.Model, s *generate.Session, prompt []data.Message) (Request, error) {
	start := time.Now()
	ids, held, err := question(m, prompt)
	if err != nil {
		return Request{}, err
	}
	reply, err := s.Reply(ctx, ids, generate.Options{MaxTokens: j.Most, Guide: held}, nil)
	if err != nil {
		return Request{}, err
	}
	total := time.Since(start)
	return Request{
		Seconds: total.Seconds(), First: (total - reply.Total + reply.First).Seconds(),
		Read: reply.PromptTokens - reply.CachedTokens, Written: len(reply.IDs),
	}, nil
}
