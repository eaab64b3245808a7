package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"limbeck/internal/disk"
	"limbeck/internal/machine"
	"limbeck/internal/typeset"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
)

func init() { register(makeCommand) }

// compile turns a recipe into steps; tests replace it.
var compile = recipe.Compile

// makeFlags are the flags of make.
type makeFlags struct {
	dir, until            string
	set                   []string
	dryRun, force, verify bool
	threads               int
}

func makeCommand(a *app) *cobra.Command {
	var f makeFlags
	cmd := &cobra.Command{
		Use: "make RECIPE", GroupID: groupMake, Args: exactly("RECIPE"),
		Short: "Make what a recipe asks for",
		Long: "Makes what a recipe asks for, in a folder of its own: runs/NAME below the folder\n" +
			"in which it is called. The files that a recipe names are found from the recipe's\n" +
			"folder; where it names what another run made, call both from there. Steps that\n" +
			"are done are not done again; an interrupted step goes on where it was. A changed\n" +
			"setting or file makes anew what depends on it, and nothing else.",
		Example: "  limbeck make recipe.yaml\n" +
			"  limbeck make recipe.yaml --dry-run\n" +
			"  limbeck make recipe.yaml --set distill.temperature=3 --until distill",
		RunE: func(cmd *cobra.Command, args []string) error { return makeRecipe(a, cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.dir, "dir", "", "the run's `FOLDER` (default runs/NAME below the current one)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would be done, with time, memory and disk")
	flags.StringVar(&f.until, "until", "", "stop after this `STEP`, or steps of this kind")
	flags.StringArrayVar(&f.set, "set", nil, "replace a setting of the recipe, as `KEY=VALUE`; may be repeated")
	flags.IntVar(&f.threads, "threads", 0, "worker threads (default: one a core); the result does not depend on it")
	flags.BoolVar(&f.force, "force", false, "begin even if memory or disk seem too small")
	flags.BoolVar(&f.verify, "verify", false, "read every byte of finished steps again")
	return cmd
}

func makeRecipe(a *app, cmd *cobra.Command, path string, f makeFlags) error {
	r, err := recipe.Load(path, f.set...)
	if err != nil {
		return usageIfFlag(err)
	}
	for _, p := range r.Idle {
		a.remark("warning: %v", p)
	}
	todo, err := compile(r)
	if err != nil {
		return usageIfFlag(err)
	}
	if f.dir == "" {
		f.dir = filepath.Join("runs", r.Name)
	}
	folder := run.Open(f.dir, machine.Class())
	if f.dryRun {
		return dryRun(cmd.Context(), a, folder, todo, f)
	}
	o := a.runOptions(r, f.threads)
	o.Until, o.Force, o.Verify = f.until, f.force, f.verify
	o.Finished = a.tellFacts(o.Finished)
	plan, err := folder.Make(cmd.Context(), todo, o)
	if err != nil {
		return usageIfFlag(forceable(err))
	}
	made, err := newMadeRun(f.dir, plan)
	if err != nil {
		return err
	}
	return a.print(madeJSON(planJSON(folder, plan), made), func(w io.Writer) {
		made.write(w)
		if f.until != "" {
			fmt.Fprintf(w, "Make the rest:\n  %s\n", f.again(cmd, path))
		}
	})
}

// quoted returns s as the system's shells take it for one word.
func quoted(s string) string {
	special := " \t\n'\"$`*?#&;|<>()[]{}~!"
	if os.PathSeparator == '/' { // elsewhere backslashes are of paths
		special += `\`
	}
	switch {
	case s != "" && !strings.ContainsAny(s, special):
		return s
	case os.PathSeparator != '/' && !strings.Contains(s, `"`):
		return `"` + s + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// again returns the command that goes on with this run.
func (f *makeFlags) again(cmd *cobra.Command, path string) string {
	words := []string{program(), "make", quoted(path)}
	if cmd.Flags().Changed("dir") {
		words = append(words, "--dir", quoted(f.dir))
	}
	for _, s := range f.set {
		words = append(words, "--set", quoted(s))
	}
	return strings.Join(words, " ")
}

// usageIfFlag makes err one of usage if a flag of make is what is wrong, and not the
// recipe.
func usageIfFlag(err error) error {
	var p *recipe.Problem
	switch {
	case errors.Is(err, run.ErrNoStep):
		return usageErrorf("--until %v", err)
	case errors.As(err, &p) && strings.HasPrefix(p.Source, "--set "):
		return &exitError{exitUsage, err}
	}
	return err
}

// shortWork is over before anybody asks how long it takes.
const shortWork = 2 * time.Second

// runOptions returns the options of a run that tells a.err how it goes.
func (a *app) runOptions(r *recipe.Recipe, threads int) run.Options {
	return run.Options{
		Recipe: r, Program: buildInfo().String(),
		Threads: threads, Progress: a.progress.report,
		Warned: func(text string) { a.remark("warning: %s", text) },
		Said:   func(text string) { a.remark("%s", text) },
		Started: func(s *run.Planned, number, of int, left time.Duration, atMost bool) {
			text := fmt.Sprintf("step %d of %d: %s (%s)", number, of, s.Name, s.Why)
			if left > shortWork {
				bound := ""
				if atMost {
					bound = "at most "
				}
				text += fmt.Sprintf("; all that is left takes %sabout %s", bound, duration(left))
			}
			a.remark("%s", text)
		},
		Finished: func(s *run.Planned, took time.Duration) {
			a.progress.finish()
			a.detail("%s took %s", s.Name, duration(took))
		},
	}
}

// tellFacts returns a hook that calls finished, and then tells what the step decided or
// lost.
func (a *app) tellFacts(finished func(*run.Planned, time.Duration)) func(*run.Planned, time.Duration) {
	return func(s *run.Planned, took time.Duration) {
		finished(s, took)
		for _, key := range []string{steps.HeldOut, steps.Shape, steps.LayersKept, steps.Dropped} {
			if fact := s.Facts()[key]; fact != "" {
				a.remark("%s: %s %s", s.Name, key, fact)
			}
		}
	}
}

func dryRun(ctx context.Context, a *app, folder *run.Folder, todo []*run.Step, f makeFlags) error {
	plan, err := unlessInterrupted(ctx, func() (*run.Plan, error) { return folder.Plan(ctx, todo) })
	if err != nil {
		return err
	}
	if plan, err = plan.Until(f.until); err != nil {
		return usageIfFlag(err)
	}
	err = a.print(planJSON(folder, plan), func(w io.Writer) { printPlan(w, plan) })
	if err != nil {
		return err
	}
	for _, text := range plan.Warnings() {
		a.remark("warning: %s", text)
	}
	if err := folder.Fits(plan); err != nil && !f.force {
		return forceable(err)
	}
	return nil
}

// forceable adds to an error of what does not fit that make has a flag for it.
func forceable(err error) error {
	if no := new(run.NoFit); errors.As(err, &no) {
		return fmt.Errorf("%w; --force begins all the same", err)
	}
	return err
}

func printPlan(w io.Writer, plan *run.Plan) {
	t := table{head: []string{"step", "time", "memory", "disk", "state"}}
	var sum run.Cost
	for _, s := range plan.Steps {
		if s.Done {
			t.add(s.Name, "-", "-", "-", "done")
			continue
		}
		c := s.Cost
		sum = sum.Then(c)
		t.add(s.Name, seconds(c.Seconds, s.Resumes), bytesOrNone(c.Memory), bytesOrNone(c.Disk), s.Why)
	}
	t.add("all", seconds(sum.Seconds, plan.Resumes()), bytesOrNone(sum.Memory), bytesOrNone(sum.Disk), fmt.Sprintf("%d of %d to do", plan.ToDo(), len(plan.Steps)))
	t.write(w)
}

// seconds writes a time; atMost if some of it may be over.
func seconds(s float64, atMost bool) string {
	switch text := duration(time.Duration(s * float64(time.Second))); {
	case s == 0:
		return "-"
	case atMost:
		return "≤ " + text
	default:
		return text
	}
}

func bytesOrNone(n int64) string {
	if n == 0 {
		return "-"
	}
	return typeset.Bytes(n)
}

// planStep is a step as --json shows it.
type planStep struct {
	Name    string  `json:"name"`
	Kind    string  `json:"kind"`
	Key     string  `json:"key"`
	Done    bool    `json:"done"`
	Resumes bool    `json:"resumes,omitempty"` // interrupted: at most the predicted time is left
	Why     string  `json:"why,omitempty"`
	Dir     string  `json:"dir"`
	Seconds float64 `json:"predicted_seconds,omitempty"`
	Memory  int64   `json:"predicted_memory,omitempty"`
	Disk    int64   `json:"predicted_disk,omitempty"`
}

type planResult struct {
	Dir      string     `json:"dir"`
	Steps    []planStep `json:"steps"`
	Warnings []string   `json:"warnings,omitempty"`

	// Of a run that made them.
	Students []oneResult `json:"students,omitempty"`
	Report   string      `json:"report,omitempty"`      // the page
	Figures  string      `json:"report_json,omitempty"` // the same as JSON
}

// madeJSON adds to a plan what came of it.
func madeJSON(out planResult, made *madeRun) planResult {
	for _, path := range made.students {
		out.Students = append(out.Students, oneResult{Path: path, Bytes: disk.Size(path)})
	}
	out.Report, out.Figures = made.page, made.figures
	return out
}

func planJSON(folder *run.Folder, plan *run.Plan) planResult {
	out := planResult{Dir: folder.Dir, Steps: []planStep{}, Warnings: plan.Warnings()}
	for _, s := range plan.Steps {
		out.Steps = append(out.Steps, planStep{s.Name, s.Kind, s.Key, s.Done, s.Resumes, s.Why, folder.StepDir(s.Kind, s.Key),
			s.Cost.Seconds, s.Cost.Memory, s.Cost.Disk})
	}
	return out
}
