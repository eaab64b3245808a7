package main

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"limbeck/eval/bench"
	"limbeck/internal/disk"
	"limbeck/internal/par"
	"limbeck/model/arch"
	"limbeck/model/generate"
	"limbeck/store/builtin"
)

func init() { register(benchCommand) }

// benchFlags are the flags of bench.
type benchFlags struct {
	engineFlags
	lengths, depths, parallel []int
	rounds                    int
	compare                   string
	profile                   bool
	html                      string
	force                     bool
	given                     func(flag string) bool // by the user, not by default
}

func benchCommand(a *app) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use: "bench MODEL", GroupID: groupProve, Args: exactly("MODEL"),
		Short: "Measure a model's speed beside the machine's limits",
		Long: "Measures how fast prompts are read and tokens written: by length, by how much\n" +
			"stands before, and for several requests at once. Each rate stands beside what\n" +
			"the machine's memory and arithmetic, measured in the same run, would allow.\n" +
			"Rounds run in fresh processes; medians come with the minimum and the maximum.",
		Example: "  limbeck bench model.gguf\n" +
			"  limbeck bench small.gguf --compare large.gguf --rounds 5 --html bench.html\n" +
			"  limbeck bench model.gguf --parallel 16 --profile",
		RunE: func(cmd *cobra.Command, args []string) error { return a.bench(cmd.Context(), &f, args[0]) },
	}
	f.given = cmd.Flags().Changed
	f.add(cmd.Flags())
	return cmd
}

func (f *benchFlags) add(flags *pflag.FlagSet) {
	flags.IntSliceVar(&f.lengths, "prompt", []int{64, 512, 2048}, "read prompts of `N` tokens; repeat or separate by commas")
	flags.IntSliceVar(&f.depths, "depth", []int{0, 512, 2048}, "write tokens after `N` others; repeat or separate by commas")
	flags.IntSliceVar(&f.parallel, "parallel", []int{1, 4, 16}, "write `N` sequences at once; repeat or separate by commas")
	for _, name := range []string{"prompt", "depth", "parallel"} {
		flag := flags.Lookup(name)
		flag.DefValue = strings.Trim(flag.DefValue, "[]") // as it may be given
	}
	flags.IntVar(&f.rounds, "rounds", 3, "rounds of timing")
	flags.StringVar(&f.compare, "compare", "", "time this `MODEL` too, in turn, and tell the ratios")
	flags.BoolVar(&f.profile, "profile", false, "tell where the time goes, by operation, beside the limits")
	flags.StringVar(&f.html, "html", "", "write tables and plots to this HTML `FILE`")
	flags.BoolVar(&f.force, "force", false, forceReportDoc)
	f.engineFlags.add(flags)
	f.addKeep(flags)
}

// maxBench bounds lengths, depths and sequences at once.
const maxBench = 1 << 20

func (f *benchFlags) check() error {
	for _, l := range []struct {
		flag  string
		least int
		all   []int
	}{{"prompt", 1, f.lengths}, {"depth", 0, f.depths}, {"parallel", 1, f.parallel}, {"rounds", 1, []int{f.rounds}}} {
		for _, n := range l.all {
			if n < l.least || n > maxBench {
				return usageErrorf("--%s is %d, want %d to %d", l.flag, n, l.least, maxBench)
			}
		}
	}
	return nil
}

func (a *app) bench(ctx context.Context, f *benchFlags, ref string) error {
	if err := f.check(); err != nil {
		return err
	}
	refs := []string{ref}
	if f.compare != "" {
		refs = append(refs, f.compare)
	}
	page := output{"--html", f.html, f.force}
	if err := page.checkFile(reportPage, refs...); err != nil {
		return err
	}
	o := bench.Options{Rounds: f.rounds, Progress: func(done, total int, name string) {
		a.progress.report("timing", int64(done), int64(total), name)
	}}
	var err error
	if o.Jobs, err = f.jobs(a, refs); err != nil {
		return err
	}
	result, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	a.progress.finish()
	return a.printBench(result, f.html)
}

// jobs returns what to do with the models: the same, but for lengths and depths that a
// context has no room for.
func (f *benchFlags) jobs(a *app, refs []string) (jobs []bench.Job, err error) {
	shapes, chunk := make([]arch.Config, len(refs)), math.MaxInt
	for i, ref := range refs {
		if shapes[i], err = f.shape(a, ref); err != nil {
			return nil, err
		}
		chunk = min(chunk, generate.DefaultChunk(shapes[i]))
	}
	for i, ref := range refs {
		context := shapes[i].Context
		works, tooLong := bench.Works(context, chunk, f.lengths, f.depths, f.parallel)
		if err := f.leaveOut(a, ref, context, tooLong); err != nil {
			return nil, err
		}
		if len(works) == 0 {
			return nil, usageErrorf("the context of %s, %d tokens, has no room for anything to time", ref, context)
		}
		name := filepath.Base(ref)
		if len(refs) == 2 && refs[0] != refs[1] {
			name = modelName(ref, refs)
		}
		jobs = append(jobs, bench.Job{Name: name, Model: ref, Works: works, Threads: f.threads, Exact: f.exact, Cache: f.cache,
			Keep: f.keep && !strings.HasPrefix(ref, builtin.Prefix), Profile: f.profile})
	}
	return jobs, nil
}

// shape opens a model as it will be timed, which keeps its packed weights if that is
// asked for.
func (f *benchFlags) shape(a *app, ref string) (arch.Config, error) {
	pool := par.New(f.threads)
	defer pool.Close()
	m, _, err := f.openWith(a, ref, pool)
	if err != nil {
		return arch.Config{}, err
	}
	defer m.Close()
	return m.Config(), nil
}

// leaveOut refuses lengths and depths that the user asked for and a context has no
// room for; of the usual ones it only remarks that they are left out.
func (f *benchFlags) leaveOut(a *app, ref string, context int, works []bench.Work) error {
	var names []string
	for _, w := range works {
		switch {
		case w.Kind == bench.Prompt && f.given("prompt"):
			return usageErrorf("--prompt: the context of %s, %d tokens, has no room for a %s", ref, context, w)
		case w.Kind == bench.Decode && w.Batch == 1 && f.given("depth"):
			return usageErrorf("--depth: the context of %s, %d tokens, has no room for a %s, which writes %d", ref, context, w, w.Write)
		}
		names = append(names, w.String())
	}
	if len(names) > 0 {
		a.remark("left out, as the context of %s is %d tokens: %s", ref, context, strings.Join(names, "; "))
	}
	return nil
}

// printBench prints a result and writes its page, if asked for.
func (a *app) printBench(result *bench.Result, html string) error {
	r := result.Report()
	r.Created = time.Now().UTC().Format(time.RFC3339)
	var err error
	if html != "" {
		err = disk.Write(html, r.WriteHTML)
	}
	return a.printBeside(err, func() error {
		if a.json {
			return a.print(result, nil)
		}
		return a.printReport(r, "")
	})
}
