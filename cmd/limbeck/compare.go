package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"limbeck/data"
	"limbeck/eval/baseline"
	"limbeck/eval/compare"
	"limbeck/eval/report"
	"limbeck/internal/disk"
	"limbeck/internal/words"
	"limbeck/measure"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
	"limbeck/store/builtin"
)

func init() { register(compareCommand) }

// compareFlags are the flags of compare.
type compareFlags struct {
	engineFlags
	read              *recipe.Data // its format and columns: how --data and --train are read
	data, train, task string
	metrics           []string
	limit             int
	rounds, prompts   int
	noSpeed           bool
	resamples         int
	seed              uint64
	examples          int
	prices            compare.Prices
	baseline          string
	recorded          string
	trainings         []string
	html, out         string
	force             bool
	given             func(flag string) bool // by the user, not by default
}

// workFolder keeps, in --out, what an interrupted comparison goes on from.
const workFolder = "answers.tmp"

// samplesFile holds, in --out, each example with all replies to it.
const samplesFile = "samples.jsonl"

// What --baseline can say.
const (
	classicalBaseline = "classical"
	noBaseline        = "none"
)

func compareCommand(a *app) *cobra.Command {
	f := compareFlags{read: recipe.Default[recipe.Data]()}
	cmd := &cobra.Command{
		Use: "compare MODEL MODEL… --data FILE", GroupID: groupProve, Args: severalModels,
		Short: "Compare models: quality with intervals, speed, size, cost",
		Long: "Lets models answer the same examples. The first is the teacher, or whatever the\n" +
			"others are measured against. Quality comes with the paired differences, their\n" +
			"95% intervals and exact tests, and the divergence from the first model; speed\n" +
			"is measured in rounds that alternate between the models, each in a process of\n" +
			"its own.\n\n" +
			"Examples that are longer than the context of any of the models are left out: all\n" +
			"are judged by the same. The report says how many they are. Plain texts are cut.\n\n" +
			"With --train, a classical model (linear, trained in seconds) stands beside them\n" +
			"where the task is one of labels or slots: where it is as good, no language model\n" +
			"is needed. Without --train there is none, as it has nothing to learn from, and\n" +
			"the report says so.\n\n" +
			"With --out, report.html and report.json are written and, where models reply,\n" +
			"samples.jsonl: each example with every reply and its scores. A comparison that\n" +
			"was interrupted goes on with the model at which it stopped.",
		Example: "  limbeck compare large.gguf small.gguf --data test.jsonl --train train.jsonl\n" +
			"  limbeck compare a.gguf b.gguf c.gguf --data test.jsonl --limit 200 --out proof",
		RunE: func(cmd *cobra.Command, args []string) error { return a.compare(cmd.Context(), &f, args) },
	}
	f.given = cmd.Flags().Changed
	f.add(cmd.Flags())
	return cmd
}

func (f *compareFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.data, "data", "", "`FILE` of the examples")
	flags.StringVar(&f.train, "train", "", "`FILE` of the examples that the classical baseline learns from; without it there is no baseline")
	flags.StringVar(&f.task, "task", "", "what a right reply is: "+strings.Join(compare.TaskNames(), ", ")+"; choice: the right label (default: auto, what suits the data)")
	flags.StringSliceVar(&f.metrics, "metric", nil, "measure `NAME`: "+strings.Join(metricNames(), ", ")+"; accuracy is of labels; the first decides; repeat or separate by commas")
	flags.IntVar(&f.limit, "limit", 0, "judge this many examples, the first ones (default: all)")
	flags.StringVar(&f.baseline, "baseline", classicalBaseline, "classical: a linear model beside the others if there is --train, else none; none: none in any case")
	flags.IntVar(&f.rounds, "rounds", 3, "rounds of timing")
	flags.IntVar(&f.prompts, "prompts", 50, "prompts a round, each as often as 250 ms have room for all")
	flags.BoolVar(&f.noSpeed, "no-speed", false, "measure no speed and memory, nor what the machine's time costs")
	flags.IntVar(&f.resamples, "resamples", measure.Resamples, "bootstrap resamples behind an interval")
	flags.Uint64Var(&f.seed, "seed", 0, "of the resamples (default: a fixed one)")
	flags.IntVar(&f.examples, "examples", 20, "examples in the report on which the models differ")
	flags.Float64Var(&f.prices.MachineHour, "price-hour", 0.05, "price of an hour of the machine that runs the models")
	flags.Float64Var(&f.prices.Input, "price-input", 0, "price of a million tokens read by the first model, if it is rented")
	flags.Float64Var(&f.prices.Output, "price-output", 0, "price of a million tokens written by it")
	flags.StringVar(&f.prices.Currency, "currency", "USD", "currency of the prices")
	flags.StringVar(&f.recorded, "recorded", "", "`FILE` of models measured earlier: JSON, as the models in report.json")
	flags.StringArrayVar(&f.trainings, "training", nil, "draw the loss curves of this training.json `FILE`; repeat for more")
	flags.StringVar(&f.html, "html", "", "write the report to this HTML `FILE`")
	flags.StringVarP(&f.out, "out", "o", "", "write report.html, report.json and samples.jsonl to this `FOLDER`")
	flags.BoolVar(&f.force, "force", false, forceReportDoc)
	addReadFlags(flags, f.read)
	f.engineFlags.add(flags)
}

func severalModels(cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return usageErrorf("%s takes two models or more, got %d", cmd.CommandPath(), len(args))
	}
	return nil
}

func (f *compareFlags) check() error {
	if err := f.checkNames(); err != nil {
		return err
	}
	if err := f.checkNumbers(); err != nil {
		return err
	}
	switch {
	case f.data == "":
		return usageErrorf("--data is missing")
	case f.baseline != classicalBaseline && f.baseline != noBaseline:
		return usageErrorf("--baseline is %q, want %s or %s", f.baseline, classicalBaseline, noBaseline)
	}
	return f.checkPrices()
}

// checkNames refuses tasks and metrics that there are not. Whether those that there are
// go together, the data says.
func (f *compareFlags) checkNames() error {
	if known := compare.TaskNames(); f.task != "" && !slices.Contains(known, f.task) {
		return usageErrorf("%s", words.Unknown("task", f.task, known))
	}
	known := metricNames()
	for _, name := range f.metrics {
		if !slices.Contains(known, name) {
			return usageErrorf("%s", words.Unknown("metric", name, known))
		}
	}
	return nil
}

// checkNumbers refuses numbers that a recipe's section compare could not have either, but
// for no rounds, which here is --no-speed.
func (f *compareFlags) checkNumbers() error {
	if f.limit < 0 {
		return usageErrorf("--limit is %d, want 0 or more", f.limit)
	}
	values := map[string]int{"rounds": f.rounds, "prompts": f.prompts, "resamples": f.resamples, "examples": f.examples}
	for _, s := range recipe.SettingsOf(recipe.Default[recipe.Compare]()) {
		value, ok := values[s.Key]
		if !ok {
			continue
		}
		least, most := int(s.Least), int(s.Most)
		if s.Key == "rounds" {
			least = 1
		}
		if value < least || value > most {
			return usageErrorf("--%s is %d, want %d to %d", s.Key, value, least, most)
		}
	}
	return nil
}

func (f *compareFlags) checkPrices() error {
	for _, p := range []struct {
		flag  string
		value float64
	}{{"price-hour", f.prices.MachineHour}, {"price-input", f.prices.Input}, {"price-output", f.prices.Output}} {
		if !(p.value >= 0) || math.IsInf(p.value, 0) {
			return usageErrorf("--%s is %v, want a number from 0 on", p.flag, p.value)
		}
	}
	return nil
}

// checkOutputs refuses files that cannot be written or are not to be overwritten.
func (f *compareFlags) checkOutputs(refs []string) error {
	inputs := slices.Concat(refs, f.trainings, []string{f.recorded})
	for _, ref := range []string{f.data, f.train} {
		path, _ := data.CutPart(ref)
		inputs = append(inputs, path)
	}
	html := output{"--html", f.html, f.force}
	if err := html.checkFile(reportPage, inputs...); err != nil {
		return err
	}
	info, err := os.Stat(f.out)
	switch {
	case err != nil: // it is made, or not asked for
		return nil
	case !info.IsDir():
		return usageErrorf("--out %s is a file, want a folder", f.out)
	}
	page := output{"--out", filepath.Join(f.out, steps.PageFile), f.force}
	if err := page.checkFile(reportPage, inputs...); err != nil {
		return err
	}
	figures := output{"--out", filepath.Join(f.out, steps.ReportFile), f.force}
	if err := figures.checkFile(reportJSON, inputs...); err != nil {
		return err
	}
	samples := output{"--out", filepath.Join(f.out, samplesFile), f.force}
	return samples.checkFile(comparedLog, inputs...)
}

func (a *app) compare(ctx context.Context, f *compareFlags, refs []string) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := f.checkOutputs(refs); err != nil {
		return err
	}
	if f.noSpeed {
		a.tellIdle("with --no-speed", f.given, "rounds", "prompts", "price-hour")
	}
	contestants, err := identify(refs)
	if err != nil {
		return err
	}
	examples, err := a.loadExamples(f.data, f.read)
	if err != nil {
		return err
	}
	if f.limit > 0 {
		examples = examples[:min(f.limit, len(examples))]
	}
	o, err := f.options(a, examples)
	if err != nil {
		return err
	}
	if f.out != "" {
		release, err := run.Claim(f.out)
		if err != nil {
			return err
		}
		defer release()
		o.Checkpoints = filepath.Join(f.out, workFolder)
		if err := os.MkdirAll(o.Checkpoints, 0o777); err != nil {
			return err
		}
	}
	var samples []compare.Sample
	o.Sample = func(s compare.Sample) { samples = append(samples, s) }
	r, err := compare.Run(ctx, contestants, examples, o)
	if err != nil {
		return err
	}
	a.progress.finish()
	r.Created = time.Now().UTC().Format(time.RFC3339)
	rest := "kept by --out"
	if f.out != "" {
		rest = "in " + steps.ReportFile
	}
	return a.printBeside(a.writeReport(r, samples, f), func() error { return a.printReport(r, rest) })
}

// identify names the models: by their files, and by as much of the folders as
// tells them apart.
func identify(refs []string) ([]compare.Contestant, error) {
	var out []compare.Contestant
	for i, ref := range refs {
		if slices.ContainsFunc(refs[:i], func(r string) bool { return filepath.Clean(r) == filepath.Clean(ref) }) {
			return nil, usageErrorf("%s is named twice", ref)
		}
		x := compare.Contestant{Name: modelName(ref, refs), Ref: ref, Role: report.Student}
		if i == 0 {
			x.Role = report.Teacher
		}
		if strings.HasPrefix(ref, builtin.Prefix) {
			var err error
			if x.Digest, err = steps.Builtin(ref); err != nil {
				return nil, err
			}
		} else if _, err := os.Stat(ref); errors.Is(err, fs.ErrNotExist) {
			return nil, steps.NoModel(ref)
		} else if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// modelName returns the shortest end of a path that no other path has, without .gguf
// unless another, or the classical baseline, then has it.
func modelName(ref string, refs []string) string {
	paths := make([]string, len(refs))
	for i, r := range refs {
		paths[i] = "/" + filepath.ToSlash(filepath.Clean(r))
	}
	having := func(end string) (n int) {
		for _, p := range paths {
			if strings.HasSuffix(p, "/"+end) {
				n++
			}
		}
		return n
	}
	parts := strings.Split(filepath.ToSlash(filepath.Clean(ref)), "/")
	for n := 1; n <= len(parts); n++ {
		end := strings.Join(parts[len(parts)-n:], "/")
		if having(end) != 1 {
			continue
		}
		if short, ok := strings.CutSuffix(end, ".gguf"); ok && having(short) == 0 && short != report.Classical {
			return short
		}
		return end
	}
	return ref
}

// options reads what the flags name.
func (f *compareFlags) options(a *app, examples []data.Example) (compare.Options, error) {
	digest, err := data.FileDigest(f.data)
	if err != nil {
		return compare.Options{}, err
	}
	o := compare.Options{
		DataFile: digest, Title: "Comparison on " + filepath.Base(f.data), DataPath: f.data, Task: f.task, Metrics: f.metrics,
		Bootstrap: measure.Bootstrap{Resamples: f.resamples, Seed: f.seed},
		Rounds:    f.rounds, Prompts: f.prompts, Examples: f.examples, Prices: f.prices,
		Threads: f.threads, Exact: f.exact, Cache: f.cache, Open: steps.Open, Look: steps.Look, Progress: a.progress.report,
	}
	if f.noSpeed {
		o.Rounds = 0
	}
	if f.train != "" {
		all, err := a.loadExamples(f.train, f.read)
		if err != nil {
			return o, err
		}
		if note, ok := steps.NoteOverlap(all, examples, f.train); ok {
			a.remark("warning: %s", strings.TrimSuffix(note.Text, "."))
			o.Notes = append(o.Notes, note)
		}
		o.Form = data.Detect(all).Form // a few examples may not show it
		if f.baseline == classicalBaseline {
			o.Train = all
		}
	} else if f.baseline == classicalBaseline && baseline.Check(examples) == nil {
		a.remark("no classical baseline: --train would name the examples that it learns from")
		o.Notes = append(o.Notes, report.Note{Title: "Classical baseline",
			Text: "None: it had no examples to learn from, which --train names. Whether a language model is needed at all is not shown."})
	}
	if err := f.readRecorded(&o); err != nil {
		return o, err
	}
	return o, f.readTrainings(&o)
}

func (f *compareFlags) readRecorded(o *compare.Options) (err error) {
	if f.recorded == "" {
		return nil
	}
	if o.Recorded, err = steps.ReadRecorded(f.recorded); err != nil {
		return err
	}
	for i := range o.Recorded {
		if o.Recorded[i].Source == "" {
			o.Recorded[i].Source = f.recorded
		}
	}
	return nil
}

func (f *compareFlags) readTrainings(o *compare.Options) error {
	for _, path := range f.trainings {
		t, err := steps.ReadTraining(path)
		if err != nil {
			return err
		}
		o.Curves = append(o.Curves, compare.Curve(strings.TrimSuffix(path, ".json"), t.Course, t.Curve, t.LossAlone))
	}
	return nil
}

// writeReport writes the files that are asked for, --out also where --html fails.
func (a *app) writeReport(r *report.Report, samples []compare.Sample, f *compareFlags) error {
	var page error
	if f.html != "" {
		page = disk.Write(f.html, r.WriteHTML)
	}
	return errors.Join(page, f.writeOut(r, samples))
}

// writeOut fills --out, if it is asked for. Without samples, those of another comparison
// go.
func (f *compareFlags) writeOut(r *report.Report, samples []compare.Sample) error {
	if f.out == "" {
		return nil
	}
	if err := disk.Write(filepath.Join(f.out, steps.PageFile), r.WriteHTML); err != nil {
		return err
	}
	if err := disk.Write(filepath.Join(f.out, steps.ReportFile), r.WriteJSON); err != nil {
		return err
	}
	log := filepath.Join(f.out, samplesFile)
	if len(samples) > 0 {
		if err := disk.Write(log, func(w io.Writer) error { return writeCompared(w, samples) }); err != nil {
			return err
		}
	} else if err := os.Remove(log); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(filepath.Join(f.out, workFolder))
}

// printReport prints a report, as JSON with --json. rest says where what the text leaves
// out stands.
func (a *app) printReport(r *report.Report, rest string) error {
	if a.json {
		return r.WriteJSON(a.out)
	}
	var b bytes.Buffer
	if err := r.WriteText(&b, report.TextOptions{Width: tableWidth, Color: screenOf(a.out) != nil && os.Getenv("NO_COLOR") == "", Rest: rest}); err != nil {
		return err
	}
	_, err := io.Copy(a.out, &b)
	return err
}
