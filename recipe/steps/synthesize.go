package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"limbeck/compress/quantize"
	"limbeck/data"
	"limbeck/eval"
	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/generate"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/tensor/dtype"
)

func init() { recipe.Register("synthesize", buildSynthesize) }

// synthesizeSettings are what synthetic examples depend on besides models and
// data.
type synthesizeSettings struct {
	Seed          int64
	Prompts       int
	Temperature   float64
	MinConfidence float64
	MaxTokens     int // of a prompt
}

// keptShare is about what share of the prompts become examples: the rest are in
// the data already, repeat, or are answered with little confidence.
const keptShare = 0.7

// buildSynthesize adds the training of a writer of prompts, and the step that
// lets it write and the teacher answer. From then on the student's training data
// holds both.
func buildSynthesize(c *recipe.Chain) error {
	y := c.Recipe.Synthesize
	if y == nil {
		return nil
	}
	stage := c.Recipe.Teacher[0]
	ref := stage.From.Text
	from, err := modelInput(c.Recipe, stage.From, teacherKey, stage.License)
	if err != nil {
		return err
	}
	from.Name = "model"
	settings := trainSettings{c.Recipe.Seed, y.Train, nil}
	writer := &run.Step{Kind: "writer", Name: "writer", Version: 6, Settings: settings.result(), Inputs: []run.Input{from}}
	if err := addData(c, writer); err != nil {
		return err
	}
	predict := predictWriter(c, ref, &settings.Train)
	writer.Predict = predict.cost
	plan := planFit(c, "synthesize", settings, predict)
	writer.Run = func(ctx context.Context, w *run.Work) error { return trainWriter(ctx, w, ref, plan) }
	c.Add(writer)

	teacher, err := c.Get("teacher.0", "teacher")
	if err != nil {
		return err
	}
	o := synthesizeSettings{c.Recipe.Seed, int(y.Prompts), y.Temperature, y.MinConfidence, int(y.MaxTokens)}
	s := &run.Step{Kind: "synthesize", Name: "synthesize", Version: 6, Settings: o,
		Inputs: []run.Input{{Name: "writer", Of: writer, Path: modelFile}, teacher}}
	if err := addData(c, s); err != nil {
		return err
	}
	if c.Has("data.test") {
		in, err := c.Get("data.test", "test")
		if err != nil {
			return err
		}
		s.Inputs = append(s.Inputs, in)
	}
	s.Predict = predictSynthesize(c, ref, float64(o.Prompts), o.MaxTokens)
	s.Run = func(ctx context.Context, w *run.Work) error { return o.writeTrain(ctx, w, ref) }
	c.Add(s)
	c.Put("data.train", run.Input{Of: s, Path: "train.jsonl", Labels: c.Recipe.Data.Labels + "; of synthetic examples: the teacher"})
	return nil
}

// trainWriter is the step that trains a model (the input "model", or the
// built-in that ref names) to write prompts like those of "train". It is stored in
// Q8_0, in which it writes several times as fast: what it samples need not be
// what it would in f32.
func trainWriter(ctx context.Context, w *run.Work, ref string, plan fitPlan) error {
	f, done, err := newFit(w, plan)
	if err != nil {
		return err
	}
	defer done()
	f.train, f.prompts = original(f.train), true
	f.open = func() (*model.Model, error) {
		m, err := openInput(w, "model", ref)
		if err == nil {
			m.SetExtractive(false) // what it writes is no reply
		}
		return m, err
	}
	m, t, err := f.run(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	pool := par.New(w.Threads)
	defer pool.Close()
	made := "trained to write prompts like those of " + f.learned(t)
	return saveIn(ctx, w, m, made, quantize.Options{Format: dtype.Q8_0}, pool)
}

// writeTrain writes train.jsonl: the training examples and the synthetic ones. No
// prompt of the validation and test examples is among them.
func (s *synthesizeSettings) writeTrain(ctx context.Context, w *run.Work, ref string) error {
	train, err := loadExamples(w, "train")
	if err != nil {
		return err
	}
	known := train
	for _, name := range []string{"validation", "test"} {
		if !w.Has(name) {
			continue
		}
		more, err := loadAny(w, name)
		if err != nil {
			return err
		}
		known = slices.Concat(known, more)
	}
	frame, err := newFrame(original(train))
	if err != nil {
		return err
	}
	pool := par.New(w.Threads)
	defer pool.Close()
	texts, err := s.write(ctx, w, ref, pool)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // the writer's: the teacher needs as much
	texts = novel(texts, known)
	w.Fact("prompts written", fmt.Sprint(s.Prompts))
	w.Fact("new prompts", fmt.Sprint(len(texts)))
	answers, err := s.answer(ctx, w, ref, frame, train, texts, pool)
	if err != nil {
		return err
	}
	unsure, unfit := 0, 0
	for i, a := range answers {
		if a.Confidence < s.MinConfidence {
			unsure++
			continue
		}
		e, ok := frame.example(texts[i], a.Text)
		if !ok || !a.Ended {
			unfit++
			continue
		}
		e.ID = syntheticID(i)
		train = append(train, e)
	}
	w.Fact("answers below the confidence", fmt.Sprint(unsure))
	w.Fact("answers unlike the data's", fmt.Sprint(unfit))
	w.Fact("synthetic examples", fmt.Sprint(len(answers)-unsure-unfit))
	if unsure+unfit == len(answers) {
		w.Warn("none of %d synthetic prompts got an answer to learn from: %d below the confidence, %d unlike the data's", len(answers), unsure, unfit)
	}
	return writeExamples(w, "train", train)
}

// synthesisPart is how many prompts, or answers, are made between two
// checkpoints; tests shorten it.
var synthesisPart = 1024

// write returns what the writer wrote; an empty text where it came to no end.
func (s *synthesizeSettings) write(ctx context.Context, w *run.Work, ref string, pool *par.Pool) ([]string, error) {
	p := partedWork{work: w, stage: "prompts", total: s.Prompts, pool: pool}
	p.open = func() (*model.Model, error) { return openInput(w, "writer", ref) }
	return inParts(ctx, &p, func(r *generate.Runner, lo, hi int, done func()) ([]string, error) {
		end := r.Model.Tokenizer.EOS()
		requests := make([]generate.Request, hi-lo)
		for i := range requests {
			requests[i] = generate.Request{Prompt: []int{end}, Options: generate.Options{
				MaxTokens: s.MaxTokens, Temperature: s.Temperature, Seed: uint64(s.Seed)<<32 + uint64(lo+i)}}
		}
		texts := make([]string, len(requests))
		err := r.Many(ctx, requests, eval.AnswerRows, func(i int, reply *generate.Reply) {
			text := strings.TrimSpace(kept(reply.Text))
			// Signs for bytes that are no text may make it longer than the teacher can read.
			if reply.Finish == generate.Stopped && (text == reply.Text || len(r.Model.Tokenizer.Encode(text, false)) <= s.MaxTokens) {
				texts[i] = text
			}
			done()
		})
		return texts, err
	})
}

// An answer is what the teacher replied to a prompt.
type answer struct {
	Text       string
	Confidence float64
	Ended      bool
}

// answer returns the teacher's answers to the prompts, about as long as those of
// train at most.
func (s *synthesizeSettings) answer(ctx context.Context, w *run.Work, ref string, f *frame, train []data.Example, prompts []string, pool *par.Pool) ([]answer, error) {
	p := partedWork{work: w, stage: "answers", total: len(prompts), pool: pool}
	p.open = func() (*model.Model, error) { return openInput(w, "teacher", ref) }
	most := 0 // tokens of an answer, once there is a model to count them
	return inParts(ctx, &p, func(r *generate.Runner, lo, hi int, done func()) ([]answer, error) {
		if most == 0 {
			most = eval.ReplyTokens(r.Model, train)
		}
		examples := make([]data.Example, hi-lo)
		for i := range examples {
			examples[i].ID, examples[i].Messages = syntheticID(lo+i), f.prompt(prompts[lo+i])
		}
		replies, err := eval.Answer(ctx, r, examples, most, func(int, int) { done() })
		if err != nil {
			return nil, err
		}
		answers := make([]answer, len(replies))
		for i := range replies {
			a := &replies[i]
			answers[i] = answer{kept(a.Text), a.Confidence(), a.Finish == generate.Stopped}
		}
		return answers, nil
	})
}

// kept returns what a model wrote as JSON keeps it, with U+FFFD for every byte that is
// no text: a run that is resumed goes on with the same as one that was not interrupted.
func kept(text string) string { return string([]rune(text)) }

// A partedWork is many things that one model makes, a part at a time.
type partedWork struct {
	work  *run.Work
	stage string // names the checkpoints
	total int
	pool  *par.Pool
	open  func() (*model.Model, error) // called if anything is left to make
}

// inParts returns p.total things. produce makes those from lo up to hi and calls
// done after each; finished parts survive an interruption.
func inParts[T any](ctx context.Context, p *partedWork, produce func(r *generate.Runner, lo, hi int, done func()) ([]T, error)) ([]T, error) {
	var all []T
	var r *generate.Runner
	count := 0
	done := func() {
		count++
		p.work.Progress(p.stage, int64(count), int64(p.total), "")
	}
	for lo := 0; lo < p.total; lo += synthesisPart {
		path := filepath.Join(p.work.Checkpoints, fmt.Sprintf("%s-%d.json", p.stage, lo))
		var part []T
		text, err := os.ReadFile(path)
		switch {
		case err == nil:
			if err := json.Unmarshal(text, &part); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			count += len(part)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		default:
			if r == nil {
				m, err := p.open()
				if err != nil {
					return nil, err
				}
				defer m.Close()
				m.Pack(p.pool)
				r = generate.NewRunner(m, p.pool, generate.Precision{})
			}
			if part, err = produce(r, lo, min(lo+synthesisPart, p.total), done); err != nil {
				return nil, err
			}
			if err := writeJSON(path, part); err != nil {
				return nil, err
			}
		}
		all = append(all, part...)
	}
	return all, nil
}

// syntheticID names the example of the i-th new prompt.
func syntheticID(i int) string { return strconv.Itoa(i+1) + data.SyntheticSuffix }

// novel returns the texts that occur neither among the examples' inputs nor
// twice, nor are empty. A plain text has no input to repeat.
func novel(texts []string, known []data.Example) []string {
	seen := map[string]bool{"": true}
	for i := range known {
		if p := known[i].Prompt(); len(p) > 0 {
			seen[data.Normalize(p[len(p)-1].Content)] = true
		}
	}
	var out []string
	for _, t := range texts {
		if k := data.Normalize(t); !seen[k] {
			seen[k] = true
			out = append(out, t)
		}
	}
	return out
}

// A frame is what the examples of a data set have in common, and so all that a
// synthetic one must have.
type frame struct {
	kind       data.Kind
	system     []data.Message  // before every prompt
	words      map[string]bool // labels, or intents
	slots      map[string]bool // names
	extractive bool            // values are pieces of the prompt; see [data.Extractive]
}

func newFrame(examples []data.Example) (*frame, error) {
	if len(examples) == 0 {
		return nil, errors.New("no training examples to make further ones like")
	}
	f := &frame{kind: examples[0].Kind(), words: map[string]bool{}, slots: map[string]bool{}}
	first := examples[0].Prompt()
	for i := range examples {
		e := &examples[i]
		p := e.Prompt()
		switch {
		case e.Kind() != f.kind || f.kind == data.Plain:
			return nil, fmt.Errorf("example %s: synthesize needs prompts with replies of one kind: this is %s, the first is %s", e.ID, e.Kind(), f.kind)
		case len(p) == 2 && p[0].Role == "system" && len(first) == 2 && p[0] == first[0]:
		case len(p) != 1 || len(first) != 1:
			return nil, fmt.Errorf("example %s: synthesize needs prompts of one message, at most with one system message that all share", e.ID)
		}
		f.words[e.Label+e.Intent] = true
		for _, s := range e.Slots {
			f.slots[s.Name] = true
		}
	}
	f.system = first[:len(first)-1]
	f.extractive = data.Extractive(examples)
	return f, nil
}

// checkFrame refuses data that no examples can be synthesized like.
func checkFrame(c *recipe.Chain) error {
	examples, _, err := readExamples(c)
	if err != nil {
		return err
	}
	if _, err := newFrame(examples); err != nil {
		return c.Recipe.Cause("synthesize", err)
	}
	return nil
}

// prompt returns the messages that ask for a reply to text.
func (f *frame) prompt(text string) []data.Message {
	return append(slices.Clone(f.system), data.Message{Role: "user", Content: text})
}

// example returns the example of a prompt and its answer, if the answer is like
// those of the data.
func (f *frame) example(prompt, reply string) (e data.Example, ok bool) {
	switch f.kind {
	case data.Structured:
		r, err := data.ParseReply(reply)
		unknown := slices.ContainsFunc(r.Slots, func(s data.Slot) bool { return !f.slots[s.Name] || s.Value == "" })
		if err != nil || !f.words[r.Intent] || r.Odd > 0 || unknown {
			return e, false
		}
		if e = data.NewStructured(prompt, r.Intent, r.Slots); f.extractive && !e.Extractive() {
			return e, false
		}
	case data.Labeled:
		if !f.words[reply] {
			return e, false
		}
		e = data.NewLabeled(prompt, reply)
	default:
		if strings.TrimSpace(reply) == "" {
			return e, false
		}
		e = data.NewChat(prompt, reply)
	}
	e.Messages = append(slices.Clone(f.system), e.Messages...)
	return e, true
}
