// Command limbeck makes a small language model out of a large one, proves how
// good it is, and runs it.
//
// Commands wire, packages work: a file here parses a command's flags, makes one
// call, and prints. Each registers its command by itself.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"limbeck/eval/bench"
	"limbeck/internal/machine"
	"limbeck/recipe/steps"
)

func main() {
	machine.KeepToQuota()
	bench.Child(steps.Open)
	os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute runs one command line and returns the exit code.
func execute(args []string, in io.Reader, out, errs io.Writer) int {
	a := newApp(in, out, errs)
	ctx, stop := a.withSignals()
	defer stop()
	root := newRoot(a)
	root.SetArgs(args)
	if err := helpOfNothing(root, args); err != nil {
		return a.exit(root, err)
	}
	cmd, err := root.ExecuteContextC(ctx)
	a.progress.finish()
	if a.out.err != nil { // whatever became of it
		err = &exitError{exitFailed, fmt.Errorf("standard output: %w", a.out.err)}
	}
	return a.exit(cmd, err)
}

// An app is one run of the program: its streams, and the flags that every
// command has.
type app struct {
	in  io.Reader
	out *results
	err io.Writer // progress, logs, errors

	json, quiet, verbose bool
	config               string // the config file, if not the usual one

	progress   *progress
	interrupts interrupts
	raw        rawMode // of the terminal, while a line is edited
	started    bool    // the command's own work began: errors are no longer about usage
}

func newApp(in io.Reader, out, errs io.Writer) *app {
	return &app{in: in, out: &results{Writer: out}, err: errs, progress: newProgress(errs)}
}

// The groups in which help lists the commands.
const (
	groupMake  = "make"
	groupProve = "prove"
	groupUse   = "use"
)

var groups = []*cobra.Group{
	{ID: groupMake, Title: "Make a small model:"},
	{ID: groupProve, Title: "Prove it:"},
	{ID: groupUse, Title: "Use it:"},
}

var commands []func(*app) *cobra.Command

// register adds a command; each command's file calls it once.
func register(c func(*app) *cobra.Command) { commands = append(commands, c) }

// program is what the user calls this one by, for advice of what to type: by a path,
// where it lies in no folder of PATH. It is one word of a shell.
func program() string {
	if name := os.Args[0]; filepath.Base(name) != name {
		return quoted(name)
	}
	return "limbeck"
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "limbeck",
		Short: "Make a small language model out of a large one, prove it, run it",
		Long: "Limbeck makes a small language model out of a large one for one task, proves\n" +
			"how good it is, and runs it. A recipe says how.\n\n" +
			"Every flag can also be an environment variable: LIMBECK_THREADS for all commands\n" +
			"that have --threads, LIMBECK_RUN_THREADS for one. Or it stands in a config file,\n" +
			"limbeck/config.yaml in the user's config folder, as \"threads: 2\" or as\n" +
			"\"run: {threads: 2}\". Flags come before variables, variables before the file, and\n" +
			"in each what is for one command before what is for all; LIMBECK_CONFIG or\n" +
			"--config names another file. So that what is set for chats changes no training\n" +
			"and no proof, these are set for one command alone: cache, limit, max-tokens,\n" +
			"seed, system and temperature of train and distill, seed of demo and compare.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 an unsure reply of limbeck run\n" +
			"--min-confidence, 130 interrupted.",
		Example:       "  limbeck demo\n  limbeck make recipe.yaml\n  limbeck run model.gguf \"turn the lights off\"",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asked, err := cmd.Flags().GetBool(versionFlag); err == nil && asked {
				return a.printVersion()
			}
			return cmd.Help()
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.Flags().Bool(versionFlag, false, "print the version, as limbeck version")
	f := root.PersistentFlags()
	f.BoolVar(&a.json, "json", false, "print the result as JSON")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress, no remarks")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "more remarks")
	f.StringVar(&a.config, "config", "", "take settings from this `FILE`")
	root.AddGroup(groups...)
	for _, c := range commands {
		root.AddCommand(c(a))
	}
	root.SetHelpCommand(helpCommand())
	root.SetHelpFunc(help)
	root.SetUsageFunc(usage)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	completionNotes(root)
	completeValues(root)
	a.prepare(root)
	return root
}

// maxThreads bounds --threads: Go's runtime ends a process of 10,000.
const maxThreads = 1024

// prepare wraps the commands: settings from environment and config file reach
// the flags before a command runs, and what fails before is a usage error.
func (a *app) prepare(cmd *cobra.Command) {
	if work := cmd.RunE; work != nil {
		cmd.RunE = func(c *cobra.Command, args []string) error {
			if err := a.applySettings(c); err != nil && !explains(c) {
				return err
			}
			if n, err := c.Flags().GetInt("threads"); err == nil {
				if n < 0 || n > maxThreads {
					return usageErrorf("--threads is %d, want 1 to %d, or 0 for one a core", n, maxThreads)
				}
				steps.PredictFor(n)
			}
			a.progress.quiet = a.quiet
			a.started = true
			return work(c, args)
		}
	}
	for _, c := range cmd.Commands() {
		a.prepare(c)
	}
}

// eachFlag calls f for the flags of cmd that settings may give. LIMBECK_VERSION may be a
// variable of whoever packed the program.
func eachFlag(cmd *cobra.Command, f func(*pflag.Flag)) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "help" && flag.Name != "config" && flag.Name != versionFlag {
			f(flag)
		}
	})
}
