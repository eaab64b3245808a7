package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/internal/disk"
	"limbeck/internal/typeset"
	"limbeck/internal/words"
	"limbeck/recipe"
	"limbeck/recipe/steps"
	"limbeck/store/builtin"
)

func init() { register(evalCommand) }

// autoFormat leaves the format of data to the ending of the file's name.
const autoFormat = "auto"

// evalFlags are the flags of eval.
type evalFlags struct {
	engineFlags
	read            *recipe.Data // its format and columns: how --data is read
	task, data, log string
	limit, windows  int
	force           bool
}

func evalCommand(a *app) *cobra.Command {
	f := evalFlags{read: recipe.Default[recipe.Data]()}
	cmd := &cobra.Command{
		Use: "eval MODEL --data FILE", GroupID: groupProve, Args: exactly("MODEL"),
		Short: "Measure a model on a task",
		Long: "Measures a model on data, greedily, with standard errors. The tasks:\n\n" +
			"  perplexity   of a text file, in windows of 512 tokens as llama-perplexity\n" +
			"               has them; of other data: of its replies, or texts\n" +
			"  exact_match  the share of replies that equal the data's, but for case and\n" +
			"               white space\n" +
			"  json_slots   replies are JSON: an intent and slots\n" +
			"  choice       the model chooses the likeliest of all the data's replies\n\n" +
			"Without --task, the data says which. What they measure, and how reports call it:\n\n" +
			metricsHelp() +
			"\nA reply may have 128 tokens, or a quarter more than the longest of the data.\n" +
			"Examples that are longer than the model's context are left out, and counted;\n" +
			"plain texts are cut.\n" +
			"\nA slot that occurs twice in a reply counts twice, as a list of both values\n" +
			"would, though most JSON parsers keep the last alone.",
		Example: "  limbeck eval model.gguf --data test.jsonl --task json_slots --limit 100\n" +
			"  limbeck eval model.gguf --data text.txt --task perplexity --windows 100",
		RunE: func(cmd *cobra.Command, args []string) error { return a.eval(cmd.Context(), &f, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.task, "task", "", "what to measure (default: what suits the data)")
	flags.StringVar(&f.data, "data", "", "`FILE` of the examples, or the text")
	flags.IntVar(&f.limit, "limit", 0, "judge this many examples, the first ones (default: all)")
	flags.IntVar(&f.windows, "windows", 0, "perplexity of a text: this many windows (default: all)")
	flags.StringVar(&f.log, "log-samples", "", "write a line of JSON for each example to this `FILE`")
	flags.BoolVar(&f.force, "force", false, forceSamplesDoc)
	addReadFlags(flags, f.read)
	f.engineFlags.add(flags)
	f.addKeep(flags)
	f.addFree(flags)
	return cmd
}

// metricsHelp explains the metrics of all tasks.
func metricsHelp() string {
	var rows [][2]string
	known := map[string]bool{}
	add := func(metrics []eval.Metric) {
		for _, m := range metrics {
			if !known[m.Name] {
				known[m.Name] = true
				rows = append(rows, [2]string{"  " + m.Name, m.Title + ": " + m.Doc})
			}
		}
	}
	for _, t := range eval.Tasks {
		add(t.Metrics)
	}
	add(eval.ChoiceMetrics)
	var b strings.Builder
	pairs(&b, rows)
	return b.String()
}

// metricNames are those that a comparison may measure: of every task, accuracy, as
// exact_match is called of labels, and perplexity.
func metricNames() []string {
	var names []string
	for _, t := range eval.Tasks {
		for _, m := range t.Metrics {
			if !slices.Contains(names, m.Name) {
				names = append(names, m.Name)
			}
		}
	}
	return append(names, "accuracy", eval.PerplexityTask)
}

// check refuses flags that do not go together, and a log that cannot be written or
// is not to be overwritten.
func (f *evalFlags) check(ref string) error {
	switch known := eval.TaskNames(); {
	case f.task != "" && !slices.Contains(known, f.task):
		return usageErrorf("%s", words.Unknown("task", f.task, known))
	case f.data == "":
		return usageErrorf("--data is missing")
	case f.limit < 0 || f.windows < 0:
		return usageErrorf("--limit and --windows are numbers from 0 on")
	}
	path, _ := data.CutPart(f.data)
	log := output{"--log-samples", f.log, f.force}
	return log.checkFile(sampleLog, path, ref)
}

func (a *app) eval(ctx context.Context, f *evalFlags, ref string) error {
	if err := f.check(ref); err != nil {
		return err
	}
	job, err := a.evalJob(f)
	if err != nil {
		return err
	}
	e, err := f.open(a, ref)
	if err != nil {
		return err
	}
	defer e.close()
	job.Model, job.Remark, job.Progress = ref, a.remark, a.progressOf(job.Task)
	m, err := eval.Measure(ctx, e.Runner, job)
	if err != nil {
		return err
	}
	of, err := newMeasured(ref)
	if err != nil {
		return err
	}
	if m.Result != nil && m.Result.ReplyTokens > 0 { // replies were made
		of.Replies = e.Model.Replies()
	}
	a.progress.finish()
	if m.Perplexity != nil {
		return a.print(struct {
			measuredModel
			Task string `json:"task"`
			*eval.Perplexity
		}{of, job.Task, m.Perplexity}, func(w io.Writer) { printPerplexity(w, m.Perplexity); of.write(w) })
	}
	if f.log != "" {
		err = disk.Write(f.log, func(w io.Writer) error { return writeSamples(w, m) })
	}
	return a.printBeside(err, func() error {
		return a.print(struct {
			measuredModel
			*eval.Result
		}{of, m.Result}, func(w io.Writer) { printResult(w, m.Result); of.write(w) })
	})
}

// A measuredModel is which model a figure is of.
type measuredModel struct {
	Model  string `json:"model"`        // as it was given
	Digest string `json:"model_sha256"` // of the file, or the folder, as reports have it

	Replies string `json:"replies,omitempty"` // the form that they were held to
}

func newMeasured(ref string) (m measuredModel, err error) {
	m.Model = ref
	if strings.HasPrefix(ref, builtin.Prefix) {
		m.Digest, err = steps.Builtin(ref)
	} else {
		m.Digest, err = disk.Digest(ref, nil)
	}
	return m, err
}

func (m *measuredModel) write(w io.Writer) {
	fmt.Fprintf(w, "model    sha256 %s\n         %s\n", m.Digest, m.Model)
	if m.Replies != "" {
		fmt.Fprintf(w, "replies  held to be %s; --free lets them be others\n", m.Replies)
	}
}

// evalJob reads what a model is to be measured on.
func (a *app) evalJob(f *evalFlags) (job eval.Job, err error) {
	job = eval.Job{Task: f.task, Limit: f.limit, Windows: f.windows}
	if f.isText() && (f.task == "" || f.task == eval.PerplexityTask) {
		job.Task = eval.PerplexityTask
		err = a.evalText(f, &job)
	} else {
		err = a.evalExamples(f, &job)
	}
	if err == nil && f.log != "" && job.Task == eval.PerplexityTask {
		err = usageErrorf("--log-samples: perplexity has no replies to log")
	}
	return job, err
}

// isText tells whether the data file is one plain text, as any is whose name does not
// say that it has rows, unless --format does. A folder is none: its files must be named.
func (f *evalFlags) isText() bool {
	path, _ := data.CutPart(f.data)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return false
	}
	return data.IsText(path, f.read.Format) || f.read.Format == autoFormat && !data.HasRows(path)
}

func (a *app) evalText(f *evalFlags, job *eval.Job) (err error) {
	if f.limit > 0 {
		return usageErrorf("--limit bounds examples; --windows is for the perplexity of a text")
	}
	if job.Text, err = data.ReadText(f.data); err != nil {
		return err
	}
	if !data.IsText(f.data, f.read.Format) {
		a.remark("%s is read as one text; if it has rows, --format says of which kind", f.data)
	}
	job.Data, err = disk.DigestOf(strings.NewReader(job.Text))
	return err
}

func (a *app) evalExamples(f *evalFlags, job *eval.Job) (err error) {
	if job.Examples, err = a.loadExamples(f.data, f.read); err != nil {
		return err
	}
	if job.Task == "" {
		d := data.Detect(job.Examples)
		job.Task = d.Task()
		a.remark("%s is %s: task %s", f.data, d, job.Task)
	}
	if f.windows > 0 {
		return usageErrorf("--windows is for the perplexity of a text; --limit bounds examples")
	}
	job.Data, err = data.FileDigest(f.data)
	return err
}

func printPerplexity(w io.Writer, p *eval.Perplexity) {
	fmt.Fprintf(w, "perplexity  %.4f", p.Value)
	if p.SE > 0 { // one text, or window, leaves it unknown
		fmt.Fprintf(w, " ± %.4f", p.SE)
	}
	fmt.Fprintf(w, "  (n = %s tokens", count(int64(p.N)))
	if p.Windows > 0 {
		fmt.Fprintf(w, " in %s windows", count(int64(p.Windows)))
	}
	fmt.Fprintln(w, ")")
	printLeftOut(w, p.TooLong)
	printDigests(w, p.Data, p.Digest)
}

func printResult(w io.Writer, r *eval.Result) {
	t := table{head: []string{r.Task, "value", "SE", "95% interval", "n"}}
	for _, f := range r.Figures {
		se, interval := "–", "–"
		known := f.Known()
		if known.SE != nil {
			se = fmt.Sprintf("%.4f", *known.SE)
		}
		if known.Lo != nil {
			interval = fmt.Sprintf("%.4f to %.4f", *known.Lo, *known.Hi)
		}
		t.add(f.Metric, fmt.Sprintf("%.4f", f.Value), se, interval, count(int64(f.N)))
	}
	t.write(w)
	if r.Cut > 0 {
		fmt.Fprintf(w, "cut      %d of %d replies, at %d tokens or the end of the context;\n"+
			"         they are judged as far as they go\n", r.Cut, r.N, r.ReplyTokens)
	}
	printLeftOut(w, r.TooLong)
	printDigests(w, r.Data, r.Digest)
}

func printLeftOut(w io.Writer, n int) {
	if n > 0 {
		fmt.Fprintf(w, "left out %s, longer than the context\n", typeset.Counted(n, "example"))
	}
}

// printDigests tells what was measured on: the file, unless it was a pipe, and the
// examples of it that were judged, as they were read.
func printDigests(w io.Writer, file, examples string) {
	if file != "" {
		fmt.Fprintf(w, "data     sha256 %s\n", file)
	}
	if examples != "" {
		fmt.Fprintf(w, "examples sha256 %s\n", examples)
	}
}

func (a *app) progressOf(stage string) func(done, total int) {
	return func(done, total int) { a.progress.report(stage, int64(done), int64(total), "") }
}
