package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/chat"
	"limbeck/model/generate"
	"limbeck/nn/op"
)

func init() {
	register(runCommand)
	register(tokenizeCommand)
	register(evalCommand)
}

// engineFlags say how a model computes.
type engineFlags struct {
	threads int
	exact   bool
}

func (f *engineFlags) add(flags *pflag.FlagSet) {
	flags.IntVar(&f.threads, "threads", 0, "worker threads (default: one a core)")
	flags.BoolVar(&f.exact, "exact", false, "f32 activations instead of int8")
}

// open loads a model for inference. The caller calls done in the end.
func (f *engineFlags) open(path string) (m *model.Model, pool *par.Pool, done func(), err error) {
	if m, err = model.Open(path); err != nil {
		return nil, nil, nil, err
	}
	pool = par.New(f.threads)
	m.Pack(pool)
	return m, pool, func() { pool.Close(); m.Close() }, nil
}

func runCommand(a *app) *cobra.Command {
	var e engineFlags
	var o generate.Options
	var system string
	var raw bool
	cmd := &cobra.Command{
		Use: "run MODEL PROMPT", GroupID: groupUse, Args: exactly("MODEL", "PROMPT"),
		Short:   "Let a model reply",
		Example: "  limbeck run model.gguf \"turn the kitchen lights off\"\n  limbeck run model.gguf \"hello\" --temperature 0.7 --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, pool, done, err := e.open(args[0])
			if err != nil {
				return err
			}
			defer done()
			ids, err := promptIDs(m, system, args[1], raw)
			if err != nil {
				return err
			}
			emit := func(text string) { fmt.Fprint(a.out, text) }
			if a.json {
				emit = nil
			}
			s := generate.NewRunner(m, pool, e.exact).NewSession(0)
			reply, err := s.Reply(cmd.Context(), ids, o, emit)
			if err != nil {
				return err
			}
			return a.print(replyJSON(reply), func(w io.Writer) { fmt.Fprintln(w) })
		},
	}
	flags := cmd.Flags()
	e.add(flags)
	flags.StringVar(&system, "system", "", "system prompt")
	flags.BoolVar(&raw, "raw", false, "the prompt as it is, without the chat template")
	flags.IntVar(&o.MaxTokens, "max-tokens", 512, "tokens of the reply, at most")
	flags.Float64Var(&o.Temperature, "temperature", 0, "0: greedy")
	flags.IntVar(&o.TopK, "top-k", 0, "sample from this many tokens; 0: all")
	flags.Float64Var(&o.TopP, "top-p", 0, "sample from the fewest tokens that reach this probability")
	flags.Float64Var(&o.MinP, "min-p", 0, "leave out tokens below this share of the likeliest")
	flags.Float64Var(&o.RepeatPenalty, "repeat-penalty", 0, "over 1: repeat less")
	flags.Uint64Var(&o.Seed, "seed", 0, "of the sampling")
	flags.StringArrayVar(&o.Stop, "stop", nil, "end the reply before this text; may be repeated")
	return cmd
}

func promptIDs(m *model.Model, system, prompt string, raw bool) ([]int, error) {
	if raw {
		return m.Tokenizer.Encode(prompt, false), nil
	}
	var messages []chat.Message
	if system != "" {
		messages = append(messages, chat.Message{Role: "system", Content: system})
	}
	return m.PromptIDs(append(messages, chat.Message{Role: "user", Content: prompt}))
}

// replyJSON is what --json prints of a reply.
func replyJSON(r *generate.Reply) any {
	return struct {
		Reply        string    `json:"reply"`
		Finish       string    `json:"finish"`
		Confidence   float64   `json:"confidence"`
		LogProbs     []float64 `json:"log_probs"`
		PromptTokens int       `json:"prompt_tokens"`
		ReplyTokens  int       `json:"reply_tokens"`
		FirstSeconds float64   `json:"first_token_seconds"`
		Seconds      float64   `json:"seconds"`
	}{r.Text, r.Finish, r.Confidence(), r.LogProbs, r.PromptTokens, len(r.IDs), r.First.Seconds(), r.Total.Seconds()}
}

func tokenizeCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "tokenize MODEL", GroupID: groupUse, Args: exactly("MODEL"),
		Short:   "Turn text on standard input into token ids",
		Example: "  echo hello | limbeck tokenize model.gguf --json",
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := model.Open(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			text, err := io.ReadAll(a.in)
			if err != nil {
				return err
			}
			ids := m.Tokenizer.Encode(string(text), true)
			return a.print(ids, func(w io.Writer) { fmt.Fprintln(w, strings.Trim(fmt.Sprint(ids), "[]")) })
		},
	}
}

func evalCommand(a *app) *cobra.Command {
	var e engineFlags
	var task, path string
	var limit, windows int
	cmd := &cobra.Command{
		Use: "eval MODEL", GroupID: groupProve, Args: exactly("MODEL"),
		Short: "Measure a model on a task",
		Example: "  limbeck eval model.gguf --task json_slots --data test.jsonl\n" +
			"  limbeck eval model.gguf --task perplexity --data text.txt --windows 100",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, pool, done, err := e.open(args[0])
			if err != nil {
				return err
			}
			defer done()
			if task == "perplexity" {
				return a.perplexity(cmd, m, pool, e.exact, path, windows)
			}
			for _, t := range eval.Tasks {
				if t.Name == task {
					return a.judge(cmd, t, generate.NewRunner(m, pool, e.exact), path, limit)
				}
			}
			return usageErrorf("task %q is not known; known are: perplexity, json_slots, exact_match", task)
		},
	}
	flags := cmd.Flags()
	e.add(flags)
	flags.StringVar(&task, "task", "", "perplexity, json_slots or exact_match")
	flags.StringVar(&path, "data", "", "`FILE` of the examples, or the text")
	flags.IntVar(&limit, "limit", 0, "judge this many examples; 0: all")
	flags.IntVar(&windows, "windows", 0, "perplexity: windows of 512 tokens; 0: all")
	return cmd
}

func (a *app) perplexity(cmd *cobra.Command, m *model.Model, pool *par.Pool, exact bool, path string, windows int) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	t := op.NewTape(pool)
	t.Exact = exact
	p, err := eval.MeasurePerplexity(cmd.Context(), m, t, string(text), windows, a.progressOf("perplexity"))
	if err != nil {
		return err
	}
	return a.print(p, func(w io.Writer) {
		fmt.Fprintf(w, "perplexity %.4f over %d windows (%d tokens)\n", p.Value, p.Windows, p.Tokens)
	})
}

func (a *app) judge(cmd *cobra.Command, t eval.Task, r *generate.Runner, path string, limit int) error {
	examples, err := data.Load(path, data.Options{})
	if err != nil {
		return err
	}
	if limit > 0 {
		examples = examples[:min(limit, len(examples))]
	}
	replies, err := eval.Answer(cmd.Context(), r, examples, a.progressOf(t.Name))
	if err != nil {
		return err
	}
	result, err := t.Judge(examples, eval.Texts(replies))
	if err != nil {
		return err
	}
	return a.print(result, func(w io.Writer) {
		for _, f := range result.Figures {
			fmt.Fprintf(w, "%-18s %.4f ± %.4f  n = %d\n", f.Metric, f.Value, f.SE, f.N)
		}
	})
}

func (a *app) progressOf(stage string) func(done, total int) {
	return func(done, total int) { a.progress.report(stage, int64(done), int64(total), "") }
}
