package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"limbeck/eval"
	"limbeck/eval/report"
	"limbeck/internal/disk"
	"limbeck/internal/machine"
	"limbeck/internal/typeset"
	"limbeck/model/chat"
	"limbeck/model/generate"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/store/builtin"
)

func init() { register(demoCommand) }

// demoPrompts are what both models answer at the end.
var demoPrompts = []string{
	"wake me at six tomorrow and turn the kitchen lights off",
	"play some jazz in the living room",
	"what's the weather like in paris this weekend",
}

type demoFlags struct {
	dir     string
	seed    int64
	threads int
}

func demoCommand(a *app) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use: "demo", GroupID: groupMake, Args: exactly(),
		Short: "Make a small model out of the one that the program carries",
		Long: "Prunes, distills and quantizes a model that turns commands to a home assistant\n" +
			"into JSON, compares both, and lets both answer. It needs nothing but this\n" +
			"program: no network, no files. Interrupted and started again, it goes on where\n" +
			"it was.",
		Example: "  limbeck demo\n  limbeck demo --seed 2 --dir another",
		RunE:    func(cmd *cobra.Command, _ []string) error { return demo(a, cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "limbeck-demo", "the `FOLDER` to work in")
	flags.Int64Var(&f.seed, "seed", 1, "every random choice in what is made follows from it")
	flags.IntVar(&f.threads, "threads", 0, "worker threads (default: one a core); the result does not depend on it")
	return cmd
}

func demo(a *app, ctx context.Context, f demoFlags) error {
	kept, err := a.unpackDemo(f.dir)
	if err != nil {
		return err
	}
	start := time.Now()
	path := filepath.Join(f.dir, demoRecipe)
	settings := []string{fmt.Sprintf("seed=%d", f.seed)}
	if !kept && !machine.FastBF16() {
		settings = append(settings, slowDemo)
	}
	r, err := recipe.Load(path, settings...)
	if err != nil {
		return err
	}
	todo, err := compile(r)
	if err != nil {
		return err
	}
	plan, err := run.Open(f.dir, machine.Class()).Make(ctx, todo, a.runOptions(r, f.threads))
	if err != nil {
		return moreRoom(err, "--dir", false)
	}
	made, err := newMadeRun(f.dir, plan)
	if err != nil {
		return err
	}
	answers, err := a.demoAnswers(ctx, filepath.Join(f.dir, r.Name+".gguf"), f.threads)
	if err != nil {
		return err
	}
	return a.print(demoResult{answers, made.proof}, func(w io.Writer) {
		for i, prompt := range demoPrompts {
			fmt.Fprintf(w, "%s\n", prompt)
			for _, m := range answers {
				m.Answers[i].write(w, m.Name)
			}
			fmt.Fprintln(w)
		}
		made.writeProof(w)
		fmt.Fprintf(w, "Made in %s. The whole report: %s\n", duration(time.Since(start)), made.page)
		made.writeNext(w, "turn the lights off")
		fmt.Fprintf(w, "The same with your own model and data:\n"+
			"  %[1]s init --teacher MODEL --data FILE\n  %[1]s make recipe.yaml\n", program())
	})
}

const demoRecipe = "demo.yaml"

// slowDemo is the setting with which a demo takes no more than its three minutes on two
// cores that multiply bf16 no faster than f32.
const slowDemo = "distill.epochs=2"

// unpackDemo fills the folder, and tells of a recipe that is not the program's.
func (a *app) unpackDemo(dir string) (kept bool, err error) {
	kept, err = unpackDemo(dir)
	if kept {
		a.remark("%s is not the recipe that this program carries: it is used as it is; delete it to have the program's",
			filepath.Join(dir, demoRecipe))
	}
	return kept, err
}

// unpackDemo writes the recipe, unless there is one, and the data, which it restores
// beside a recipe of the demo. Files of those names in another folder are somebody's: an
// error. kept tells that the recipe is not the program's.
func unpackDemo(dir string) (kept bool, err error) {
	files, err := builtin.Files(builtin.HomeAssistant)
	if err != nil {
		return false, err
	}
	missing, ours := map[string][]byte{}, false
	// The recipe first: it says whose the others are.
	names := []string{demoRecipe, "train.jsonl", "test.jsonl", "NOTICE.md", "recorded.json"}
	for _, name := range names {
		want, err := fs.ReadFile(files, name)
		if err != nil {
			return false, err
		}
		path := filepath.Join(dir, name)
		have, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing[name] = want
		case err != nil:
			return false, err
		case name == demoRecipe:
			kept, ours = !bytes.Equal(have, want), bytes.Contains(have, []byte(builtin.Prefix+builtin.HomeAssistant))
		case bytes.Equal(have, want):
		case ours:
			missing[name] = want
		default:
			return false, fmt.Errorf("%s is there and is not the demo's: --dir names another folder", path)
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return false, err
	}
	for _, name := range names {
		if text, ok := missing[name]; ok {
			if err := disk.WriteBytes(filepath.Join(dir, name), text); err != nil {
				return false, err
			}
		}
	}
	return kept, nil
}

// demoResult is what --json prints.
type demoResult struct {
	Answers []demoModel    `json:"answers"`
	Report  *report.Report `json:"report"`
}

type demoModel struct {
	Name    string       `json:"name"`
	Answers []demoAnswer `json:"answers"`
}

type demoAnswer struct {
	Prompt     string  `json:"prompt"`
	Reply      string  `json:"reply"`
	Confidence float64 `json:"confidence"`
	Seconds    float64 `json:"seconds"`
}

// replyColumns is how many columns of a reply fit a line of a terminal.
const replyColumns = 74

func (d *demoAnswer) write(w io.Writer, name string) {
	fmt.Fprintf(w, "  %-8s %5.1f ms  confidence %.2f\n    %s\n", name, 1000*d.Seconds, d.Confidence,
		strings.Join(typeset.Wrap(typeset.Plain(d.Reply), replyColumns), "\n      "))
}

// demoAnswers lets teacher and student answer, one after the other.
func (a *app) demoAnswers(ctx context.Context, student string, threads int) ([]demoModel, error) {
	var out []demoModel
	for _, m := range []struct{ name, ref string }{{"teacher", builtin.Prefix + builtin.HomeAssistant}, {"student", student}} {
		answers, err := a.answerDemo(ctx, m.ref, threads)
		if err != nil {
			return nil, err
		}
		out = append(out, demoModel{m.name, answers})
	}
	return out, nil
}

// answerDemo answers the prompts twice and times the second round: the first
// one warms caches up.
func (a *app) answerDemo(ctx context.Context, ref string, threads int) ([]demoAnswer, error) {
	engine := engineFlags{threads: threads}
	e, err := engine.open(a, ref)
	if err != nil {
		return nil, err
	}
	defer e.close()
	out := make([]demoAnswer, len(demoPrompts))
	for range 2 {
		for i, prompt := range demoPrompts {
			ids, held, err := e.Model.Ask([]chat.Message{{Role: "user", Content: prompt}})
			if err != nil {
				return nil, err
			}
			start := time.Now()
			o := generate.Options{MaxTokens: eval.LeastReply, Guide: held}
			err = e.Many(ctx, []generate.Request{{Prompt: ids, Options: o}}, 1, func(_ int, r *generate.Reply) {
				out[i] = demoAnswer{prompt, r.Text, r.Confidence(), time.Since(start).Seconds()}
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
