package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"limbeck/data"
	"limbeck/internal/machine"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/model/chat"
	"limbeck/model/generate"
	"limbeck/model/guide"
)

func init() { register(runCommand) }

// runFlags are the flags of run.
type runFlags struct {
	engineFlags
	generate.Options
	system        string
	raw           bool
	seeded        bool // the seed was given
	context       int
	minConfidence float64
}

func runCommand(a *app) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use: "run MODEL [PROMPT]", GroupID: groupUse, Args: oneOrTwo("MODEL"),
		Short: "Let a model reply: once, to piped text, or in a chat",
		Long: "Lets a model reply to PROMPT. Without one, standard input is the prompt, but for\n" +
			"a byte order mark and the last line feed (--raw: all of it); in a terminal it is\n" +
			"a chat, in which Ctrl-C stops a reply and /help tells more.\n\n" +
			"The prompt is put in the model's own chat template, unless --raw. Replies are\n" +
			"the likeliest ones, unless --temperature. Then, without --seed, each is another;\n" +
			"--json and --verbose tell the seed that gives it again. The confidence of a\n" +
			"reply is its probability under the model.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the reply's confidence is below\n" +
			"--min-confidence, 130 interrupted.",
		Example: "  limbeck run model.gguf\n" +
			"  limbeck run model.gguf \"turn the kitchen lights off\" --json\n" +
			"  limbeck run model.gguf --min-confidence 0.8 <command.txt || echo \"ask a human\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.seeded = cmd.Flags().Changed("seed")
			return a.run(cmd.Context(), &f, args)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *runFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.system, "system", "", "system prompt: what the model is told beforehand")
	flags.Float64Var(&f.Temperature, "temperature", 0, "0: the likeliest token; 1: as the model would; more: wilder")
	flags.IntVar(&f.TopK, "top-k", 0, "sample from this many tokens (default: all)")
	flags.Float64Var(&f.TopP, "top-p", 0, "sample from the fewest tokens that reach this `PROBABILITY`")
	flags.Float64Var(&f.MinP, "min-p", 0, "leave out tokens below this `SHARE` of the likeliest")
	flags.Float64Var(&f.RepeatPenalty, "repeat-penalty", 1, "over 1: repeat less; below 1: repeat more; 0.01 to 100")
	flags.Uint64Var(&f.Seed, "seed", 0, "of the sampling (default: another for each reply)")
	flags.IntVar(&f.MaxTokens, "max-tokens", 512, "most tokens of a reply; 0: as many as fit")
	flags.IntVar(&f.context, "ctx", 0, "most tokens of prompt and reply together (default: the model's context)")
	flags.StringArrayVar(&f.Stop, "stop", nil, "end the reply before this `TEXT` or control token; may be repeated")
	flags.BoolVar(&f.raw, "raw", false, "take the prompt as it is, control tokens included: no chat template")
	flags.Float64Var(&f.minConfidence, "min-confidence", 0, "call a reply below this `PROBABILITY` unsure, with exit code 3")
	f.engineFlags.add(flags)
	f.addKeep(flags)
	f.addFree(flags)
}

// oneOrTwo returns a check that a command gets the named argument, and perhaps
// one more.
func oneOrTwo(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageErrorf("%s is missing", name)
		case len(args) > 2:
			return usageErrorf("one argument too many: %q; put quotes around a prompt of several words", args[2])
		}
		return notEmpty(args, name)
	}
}

// check refuses values that mean nothing.
func (f *runFlags) check() error {
	for _, x := range []struct {
		flag   string
		v, max float64
	}{
		{"temperature", f.Temperature, 100}, {"top-k", float64(f.TopK), 1e9}, {"top-p", f.TopP, 1}, {"min-p", f.MinP, 1},
		{"max-tokens", float64(f.MaxTokens), 1e9},
		{"ctx", float64(f.context), 1e9}, {"min-confidence", f.minConfidence, 1},
	} {
		if !(x.v >= 0 && x.v <= x.max) {
			return usageErrorf("--%s is %v, want 0 to %v", x.flag, x.v, x.max)
		}
	}
	if err := generate.CheckRepeatPenalty(f.RepeatPenalty); err != nil {
		return usageErrorf("--repeat-penalty %w", err)
	}
	if slices.Contains(f.Stop, "") {
		return usageErrorf("--stop is empty, want a text before which the reply ends")
	}
	if err := checkText("--system", f.system); err != nil {
		return &exitError{exitUsage, err}
	}
	if f.raw && f.system != "" {
		return usageErrorf("--system needs the chat template, which --raw leaves out")
	}
	return nil
}

// tellIdle remarks which flags say how to sample while nothing is sampled.
func (f *runFlags) tellIdle(a *app) {
	if f.Temperature > 0 {
		return
	}
	given := map[string]bool{"top-k": f.TopK > 0, "top-p": f.TopP > 0, "min-p": f.MinP > 0, "seed": f.seeded}
	a.tellIdle("without --temperature, as the reply is the likeliest one",
		func(flag string) bool { return given[flag] }, "top-k", "top-p", "min-p", "seed")
}

// drawSeed gives what samples a seed that nobody knows, unless one was given: who asks
// again wants another reply. It has 32 bits, as JSON's readers may keep no more than 53.
func (f *runFlags) drawSeed() {
	if f.Temperature > 0 && !f.seeded {
		f.Seed = uint64(rand.Uint32())
	}
}

// session returns a session with the context that --ctx asks for.
func (f *runFlags) session(e *engine) (*generate.Session, error) {
	if most := e.Model.Config().Context; f.context > most {
		return nil, usageErrorf("--ctx is %d, but the model was made for at most %d tokens", f.context, most)
	}
	return e.NewSession(f.context), nil
}

func (a *app) run(ctx context.Context, f *runFlags, args []string) error {
	if err := f.check(); err != nil {
		return err
	}
	talk := len(args) == 1 && terminalOf(a.in) != nil
	if talk && (a.json || f.raw) {
		return usageErrorf("a chat has no --json and no --raw; give a prompt")
	}
	e, err := f.openSoon(a, args[0])
	if err != nil {
		return err
	}
	defer e.close()
	e.Model.Clock = time.Now
	s, err := f.session(e)
	if err != nil {
		return err
	}
	f.tellIdle(a)
	a.tellLost(e.Model.Tokenizer, f.system, nil)
	if f.system != "" && e.Model.OmitsSystem() {
		a.remark("--system is left out: the chat template of %s has no place for a system message", args[0])
	}
	if talk {
		return a.chat(ctx, args[0], f, e, s)
	}
	prompt, err := a.prompt(ctx, args, f.raw)
	if err != nil {
		return err
	}
	ids, held, err := f.ask(e.Model, []chat.Message{{Role: "user", Content: prompt}})
	if err != nil {
		return err
	}
	a.tellLost(e.Model.Tokenizer, prompt, nil)
	f.Guide = held
	return a.replyOnce(ctx, f, e, s, ids)
}

// replyOnce prints the reply to ids.
func (a *app) replyOnce(ctx context.Context, f *runFlags, e *engine, s *generate.Session, ids []int) error {
	f.drawSeed()
	emit := a.emit()
	if a.json {
		emit = nil
	}
	reply, err := s.Reply(ctx, ids, f.Options, emit)
	var long *generate.ContextError
	if errors.As(err, &long) {
		return fmt.Errorf("%w%s", err, moreContext(e, s))
	}
	if err != nil {
		if reply != nil && emit != nil {
			fmt.Fprintln(a.out)
		}
		return err
	}
	if err := a.print(newReplyJSON(f, e, reply), func(w io.Writer) { fmt.Fprintln(w) }); err != nil {
		return err
	}
	if !a.json { // which says it itself
		a.tellCut(f, e, s, reply)
	}
	a.tellRates(f, e, reply)
	if f.unsure(reply) {
		a.remark("unsure: confidence %.3g, below %v", reply.Confidence(), f.minConfidence)
		return &exitError{code: exitUnsure}
	}
	return nil
}

// maxPrompt bounds the prompt that standard input gives.
const maxPrompt = 64 << 20

// prompt returns the prompt from the command line or, failing that, from
// standard input.
func (a *app) prompt(ctx context.Context, args []string, raw bool) (string, error) {
	if len(args) == 2 {
		return args[1], checkPrompt("PROMPT", args[1])
	}
	text, err := io.ReadAll(io.LimitReader(a.input(ctx), maxPrompt+1))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	if len(text) > maxPrompt {
		return "", fmt.Errorf("standard input: longer than %d bytes", maxPrompt)
	}
	prompt := string(text)
	if !raw { // a byte order mark and last line's end are the file's: no model was trained on them
		prompt = strings.TrimPrefix(prompt, "\uFEFF")
		prompt = strings.TrimSuffix(strings.TrimSuffix(prompt, "\n"), "\r")
	}
	return prompt, checkPrompt("standard input", prompt)
}

// checkPrompt refuses a prompt that is no text or says nothing: a model would answer
// what nobody asked.
func checkPrompt(name, prompt string) error {
	switch {
	case prompt == "":
		return fmt.Errorf("no prompt: %s is empty, want a text to reply to", name)
	case strings.TrimSpace(prompt) == "":
		return fmt.Errorf("no prompt: %s is white space alone, want a text to reply to", name)
	}
	return checkText(name, prompt)
}

// checkText refuses bytes that are no text: no model was trained on them, and most
// vocabularies would spell something else.
func checkText(name, text string) error { return data.CheckText(name, []byte(text)) }

// ask returns the tokens of a conversation that ends with a prompt, and what holds the
// reply to a form.
func (f *runFlags) ask(m *model.Model, messages []chat.Message) ([]int, guide.Guide, error) {
	if f.raw {
		return m.Tokenizer.EncodeTo(m.Tokenizer.Begin(), messages[0].Content, true), nil, nil
	}
	const instead = "--raw gives it the prompt as it is"
	switch {
	case m.Unread != nil:
		return nil, nil, fmt.Errorf("%s: %w; %s", m.Path(), m.Unread, instead)
	case m.Template == nil:
		return nil, nil, fmt.Errorf("%s has no chat template; %s", m.Path(), instead)
	}
	if f.system != "" {
		messages = append([]chat.Message{{Role: "system", Content: f.system}}, messages...)
	}
	return m.Ask(messages)
}

// emit returns a function that prints pieces of a reply, on a terminal those that are
// plain: a model is not to steer it.
func (a *app) emit() func(string) {
	safe := func(text string) string { return text }
	if terminalOf(a.out) != nil {
		safe = typeset.Plain
	}
	return func(text string) { io.WriteString(a.out, safe(text)) }
}

func (f *runFlags) unsure(r *generate.Reply) bool { return r.Confidence() < f.minConfidence }

// tellRates remarks, with --verbose, how fast a reply came, and from which seed.
func (a *app) tellRates(f *runFlags, e *engine, r *generate.Reply) {
	if f.Temperature > 0 {
		a.detail("seed %d", f.Seed)
	}
	a.detail("load %.2f s; prompt %d tokens (%d cached), %.0f tok/s; first token after %.3f s",
		e.load.Seconds(), r.PromptTokens, r.CachedTokens, r.PromptRate(), r.First.Seconds())
	memory := "unknown"
	if n := machine.PeakMemory(); n > 0 {
		memory = typeset.Bytes(n)
	}
	a.detail("reply %d tokens, %.1f tok/s, finish reason %s, confidence %.3g; peak memory %s",
		len(r.IDs), r.DecodeRate(), r.Finish, r.Confidence(), memory)
}

// tellCut remarks that a reply came to no end, and what lets it grow longer.
func (a *app) tellCut(f *runFlags, e *engine, s *generate.Session, r *generate.Reply) {
	if r.Finish != generate.Length {
		return
	}
	why := "as --max-tokens says; a greater one allows more, 0 as many as fit"
	if len(r.IDs) != f.MaxTokens {
		why = fmt.Sprintf("where prompt and reply fill the context of %d%s", s.Context(),
			cmp.Or(moreContext(e, s), ", all that the model was made for"))
	}
	a.remark("the reply is cut at %s, %s", typeset.Counted(len(r.IDs), "token"), why)
}

// moreContext says what makes a session's context longer, if anything does.
func moreContext(e *engine, s *generate.Session) string {
	if most := e.Model.Config().Context; s.Context() < most {
		return fmt.Sprintf("; --ctx allows up to %d", most)
	}
	return ""
}

// replyJSON is what --json prints of a reply.
type replyJSON struct {
	Reply        string      `json:"reply"`
	Finish       string      `json:"finish"`         // stop or length: what is interrupted has none
	Seed         *uint64     `json:"seed,omitempty"` // of the sampling; none of the likeliest reply
	Confidence   float64     `json:"confidence"`
	Unsure       *bool       `json:"unsure,omitempty"` // with --min-confidence
	Tokens       []tokenJSON `json:"tokens"`
	PromptTokens int         `json:"prompt_tokens"`
	ReplyTokens  int         `json:"reply_tokens"`
	LoadSeconds  float64     `json:"load_seconds"`
	FirstSeconds float64     `json:"first_token_seconds"`
	Seconds      float64     `json:"seconds"`
	PromptRate   float64     `json:"prompt_tokens_per_second"`
	DecodeRate   float64     `json:"decode_tokens_per_second"`
	PeakMemory   int64       `json:"peak_memory_bytes,omitempty"`
}

// tokenJSON is a token of a reply and its probability.
type tokenJSON struct {
	pieceJSON
	Confidence float64 `json:"confidence"`
}

func newReplyJSON(f *runFlags, e *engine, r *generate.Reply) replyJSON {
	out := replyJSON{Reply: r.Text, Finish: r.Finish, Confidence: r.Confidence(), Tokens: []tokenJSON{},
		PromptTokens: r.PromptTokens, ReplyTokens: len(r.IDs),
		LoadSeconds: e.load.Seconds(), FirstSeconds: r.First.Seconds(), Seconds: r.Total.Seconds(),
		PromptRate: r.PromptRate(), DecodeRate: r.DecodeRate(), PeakMemory: machine.PeakMemory()}
	for i, id := range r.IDs {
		out.Tokens = append(out.Tokens, tokenJSON{newPieceJSON(e.Model.Tokenizer, id), r.TokenConfidence(i)})
	}
	if f.Temperature > 0 {
		out.Seed = &f.Seed
	}
	if f.minConfidence > 0 {
		unsure := f.unsure(r)
		out.Unsure = &unsure
	}
	return out
}
