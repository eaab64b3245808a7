package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"limbeck/eval"
	"limbeck/eval/compare"
	"limbeck/internal/typeset"
	"limbeck/internal/words"
	"limbeck/nn/op"
)

// helpCommand prints the help of another command.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Explain a command", Example: "  limbeck help make",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// explains tells whether cmd only tells of others: what is wrong with their settings is
// nothing to it, least of all in each new shell that asks for completions.
func explains(cmd *cobra.Command) bool {
	if cmd.HasParent() && cmd.Parent().Name() == "completion" {
		cmd = cmd.Parent()
	}
	return cmd.Name() == "help" || cmd.Name() == "completion"
}

// completions are how shells take their scripts: for a session, and for good.
var completions = map[string]string{
	"bash": "  source <(limbeck completion bash)\n" +
		"  limbeck completion bash >~/.local/share/bash-completion/completions/limbeck",
	"zsh": "  source <(limbeck completion zsh)\n" +
		"  limbeck completion zsh >\"${fpath[1]}/_limbeck\"",
	"fish": "  limbeck completion fish | source\n" +
		"  limbeck completion fish >~/.config/fish/completions/limbeck.fish",
	"powershell": "  limbeck completion powershell | Out-String | Invoke-Expression\n" +
		"  limbeck completion powershell >>$PROFILE",
}

// completionNotes gives the commands that cobra makes the words and the width that all
// others have.
func completionNotes(root *cobra.Command) {
	c, _, err := root.Find([]string{"completion"})
	if err != nil {
		panic(err) // it was just made
	}
	c.Short = "Print a shell's completion script"
	c.Long = "Prints the script with which a shell completes commands and flags."
	c.Example = completions["bash"]
	var shells []string
	for _, shell := range c.Commands() {
		shells = append(shells, shell.Name())
	}
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageErrorf("%s", words.Unknown("shell", args[0], shells))
		}
		return nil
	}
	// Cobra checks the arguments of what runs alone.
	c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, shell := range c.Commands() {
		shell.Short = "Print the script for " + shell.Name()
		shell.Long = "Prints the script with which " + shell.Name() + " completes commands and flags. The\n" +
			"examples load it for one session, and for all to come."
		shell.Example = completions[shell.Name()]
		if f := shell.Flags().Lookup("no-descriptions"); f != nil {
			f.Usage = "complete without a word on what each command does"
		}
	}
}

// completeValues has shells complete the values of flags that are words of a list.
func completeValues(root *cobra.Command) {
	lists := map[string][]string{"eval task": eval.TaskNames(), "compare task": compare.TaskNames(), "metric": metricNames()}
	for _, t := range op.KVTypes() {
		lists["cache-type"] = append(lists["cache-type"], t.Name)
	}
	for _, c := range root.Commands() {
		eachFlag(c, func(f *pflag.Flag) {
			list := lists[f.Name]
			if own := lists[c.Name()+" "+f.Name]; own != nil {
				list = own
			}
			if s, ok := f.Value.(*setting); ok {
				list = s.Words
			}
			if len(list) == 0 {
				return
			}
			if err := c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)); err != nil {
				panic(err) // of a flag that has another
			}
		})
	}
}

// helpOfNothing returns an error if args ask for help about a command that there is
// not: cobra would explain the root command, as if nothing were wrong.
func helpOfNothing(root *cobra.Command, args []string) error {
	isHelp := func(s string) bool { return s == "--help" || s == "-h" }
	if !slices.ContainsFunc(args, isHelp) {
		return nil
	}
	cmd, rest, err := root.Find(args)
	if err != nil || cmd != root {
		return nil
	}
	rest = slices.DeleteFunc(slices.Clone(rest), isHelp)
	if root.ParseFlags(rest) != nil || root.Flags().NArg() == 0 {
		return nil
	}
	return unknownCommand(root, root.Flags().Arg(0))
}

func unknownCommand(root *cobra.Command, name string) error {
	var known []string
	for _, c := range root.Commands() {
		known = append(known, c.Name())
	}
	return usageErrorf("no command %q%s", name, words.Hint(name, known))
}

// exactly returns a check that a command gets one argument for each name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageErrorf("%s is missing", strings.Join(names[len(args):], " "))
		}
		if len(args) > len(names) {
			return usageErrorf("one argument too many: %q", args[len(names)])
		}
		return notEmpty(args, names...)
	}
}

// notEmpty refuses named arguments that are empty, as an unset variable of a shell is.
func notEmpty(args []string, names ...string) error {
	for i, name := range names {
		if i < len(args) && args[i] == "" {
			return usageErrorf("%s is empty", name)
		}
	}
	return nil
}

// help prints what a command does, then how it is used.
func help(cmd *cobra.Command, _ []string) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n", text)
	_ = usage(cmd) // writes to the same stream
}

// usage prints how a command is called, with its flags, in 80 columns.
func usage(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " COMMAND …"
	}
	fmt.Fprintf(w, "Usage:\n  %s\n", strings.ReplaceAll(line, "[flags]", "[FLAGS]"))
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	for _, g := range cmd.Groups() {
		usageCommands(w, g.Title, cmd, g.ID)
	}
	usageCommands(w, "Commands:", cmd, "")
	usageFlags(w, "Flags:", cmd.LocalNonPersistentFlags())
	usageFlags(w, "Flags of every command:", cmd.InheritedFlags())
	if !cmd.HasParent() {
		usageFlags(w, "Flags of every command:", cmd.PersistentFlags())
		fmt.Fprintf(w, "\n%s help COMMAND tells more about a command.\n", cmd.Name())
	}
	return nil
}

func usageCommands(w io.Writer, title string, parent *cobra.Command, group string) {
	var rows [][2]string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() && c.GroupID == group {
			rows = append(rows, [2]string{c.Name(), c.Short})
		}
	}
	usageRows(w, title, rows)
}

func usageFlags(w io.Writer, title string, flags *pflag.FlagSet) {
	var rows [][2]string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		value, text := pflag.UnquoteUsage(f)
		if f.Value.Type() != "bool" {
			name += " " + strings.ToUpper(value)
		}
		if def := f.DefValue; !slices.Contains([]string{"", "false", "0", "[]"}, def) {
			text += " (default " + def + ")"
		}
		rows = append(rows, [2]string{name, text})
	})
	usageRows(w, title, rows)
}

// usageRows prints names beside wrapped text.
func usageRows(w io.Writer, title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for i := range rows {
		rows[i][0] = "  " + rows[i][0]
	}
	pairs(w, rows)
}

// pairs writes names, a name longer than a column on a line of its own, beside
// wrapped text. Both may be of a file.
func pairs(w io.Writer, rows [][2]string) {
	widest := 0
	for _, r := range rows {
		widest = max(widest, typeset.Width(typeset.Plain(r[0])))
	}
	column := min(widest, 30) + 2 // where the text begins
	for _, r := range rows {
		name := typeset.Plain(r[0])
		if typeset.Width(name)+2 > column {
			fmt.Fprintln(w, name)
			name = ""
		}
		lines := typeset.Wrap(typeset.Plain(r[1]), tableWidth-column)
		if len(lines) == 0 {
			lines = []string{""} // a name alone
		}
		for _, line := range lines {
			fmt.Fprintf(w, "%s%s\n", typeset.Left(name, column), line)
			name = ""
		}
	}
}
