package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/data"
	"limbeck/internal/disk"
	"limbeck/internal/typeset"
	"limbeck/recipe"
	"limbeck/recipe/steps"
)

func init() { register(initCommand) }

type initFlags struct {
	teacher, data, test, out, name string
	validation                     recipe.Holdout
	force                          bool
	read                           *recipe.Data
	given                          func(flag string) bool // by the user, not by default
}

func initCommand(a *app) *cobra.Command {
	f := initFlags{read: recipe.Default[recipe.Data]()}
	cmd := &cobra.Command{
		Use: "init", GroupID: groupMake, Args: exactly(),
		Short: "Look at data and write a recipe for it",
		Long: "Looks at the examples, says what the task is, and writes a recipe that\n" +
			"runs as it is: its keys with their defaults and what they mean. docs/recipe.md\n" +
			"has those of sections that it leaves out.",
		Example: "  limbeck init --teacher model.gguf --data log.jsonl\n" +
			"  limbeck init --teacher model.gguf --data qa.csv \\\n      --prompt-column q --completion-column a\n" +
			"  limbeck init --teacher model.gguf --data train.csv --test test.csv -o r.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error { return initRecipe(cmd.Context(), a, f) },
	}
	flags := cmd.Flags()
	f.given = flags.Changed
	flags.StringVar(&f.teacher, "teacher", "", "the large `MODEL`")
	flags.StringVar(&f.data, "data", "", "the task's examples: `FILE`, FILE#train of one that has parts, a pattern or a folder")
	flags.Var(&f.validation, validationFlag, "a share of the data, or a file: examples by which the best checkpoint is chosen (default: the data's own part, or 10%)")
	flags.Lookup(validationFlag).DefValue = ""
	flags.StringVar(&f.test, "test", "", "examples of the comparison, which no model learns from: `FILE`")
	flags.StringVarP(&f.out, "out", "o", "recipe.yaml", "`FILE` to write")
	flags.StringVar(&f.name, "name", "", "the student's name (default: the data's, or that of its folder where a file is called train, data or the like)")
	flags.BoolVar(&f.force, "force", false, "write over a recipe that is there")
	addReadFlags(flags, f.read)
	return cmd
}

const validationFlag = "validation"

// initResult is what --json prints.
type initResult struct {
	Recipe   string `json:"recipe"`
	Task     string `json:"task"`
	Metric   string `json:"metric"`
	Found    string `json:"found"`
	Examples int    `json:"examples"`

	Told []string `json:"told,omitempty"` // what of the data is left out, not read, or hardly meant

	Train      string `json:"train"`
	Validation string `json:"validation"`
	Test       string `json:"test,omitempty"`
}

func initRecipe(ctx context.Context, a *app, f initFlags) error {
	if f.teacher == "" || f.data == "" {
		return usageErrorf("--teacher names a model and --data its examples")
	}
	out := output{"--out", f.out, f.force}
	if err := out.checkTarget(); err != nil {
		return err
	}
	if _, err := os.Stat(f.out); err == nil && !f.force {
		return fmt.Errorf("%s is there already: --force writes over it, --out writes another file", f.out)
	}
	if f.name == "" {
		f.name = nameOfData(f.data)
	}
	if err := f.findParts(); err != nil {
		return err
	}
	// Told before the recipe is written, what is wrong is about the flags.
	flags := columnFlagNames(map[string]string{"name": "--name", "teacher": "--teacher", "data.train": "--data", "data.format": "--format", "data.validation": "--data", "data.test": "--test"})
	if f.given(validationFlag) {
		flags["data.validation"] = "--" + validationFlag
	}
	plan, err := unlessInterrupted(ctx, func() (*steps.Drafted, error) {
		return steps.Draft(f.teacher, f.data, f.read.Format, f.read.Columns, flags)
	})
	if err != nil {
		return err
	}
	r := plan.Recipe
	if err := f.place(r); err != nil {
		return err
	}
	if err := r.Check(func(string) bool { return true }); err != nil {
		return &exitError{exitUsage, err}
	}
	var text bytes.Buffer
	if err := r.Write(&text, plan.Remarks); err != nil {
		return err
	}
	written, err := recipe.Read(f.out, text.Bytes())
	if err != nil {
		return err
	}
	written.Flags = flags // whatever is wrong with it is about them still
	told, err := unlessInterrupted(ctx, func() ([]string, error) { return steps.CheckData(written) })
	if err != nil {
		return cmp.Or(errors.Unwrap(err), err) // a place in a recipe not written yet helps nobody
	}
	if err := disk.WriteBytes(f.out, text.Bytes()); err != nil {
		return err
	}
	result := initResult{f.out, r.Task, plan.Metric, plan.Found, plan.Examples, append(plan.Told, told...),
		string(r.Data.Train), r.Data.Validation.String(), string(r.Data.Test)}
	return a.print(result, result.write)
}

// write prints r for people.
func (r initResult) write(w io.Writer) {
	fmt.Fprintf(w, "%s, %s: metric %s\n", r.Found, typeset.Counted(r.Examples, "example"), r.Metric)
	for _, text := range r.Told {
		fmt.Fprintln(w, text)
	}
	parts := []string{"train " + r.Train, "validation " + r.Validation, "test " + cmp.Or(r.Test, "none")}
	line := strings.Join(parts, ", ")
	if typeset.Width(line) > tableWidth {
		line = strings.Join(parts, "\n")
	}
	fmt.Fprintln(w, line)
	fmt.Fprintf(w, "wrote %s; what it takes: %s make %s --dry-run\n", r.Recipe, program(), quoted(r.Recipe))
}

// place gives a recipe its name, and the files as seen from its folder.
func (f *initFlags) place(r *recipe.Recipe) error {
	dir := filepath.Dir(f.out)
	r.Name = f.name
	r.Data.Train = recipe.File(fromFolder(dir, f.data))
	switch v := f.validation; {
	case v.File != "":
		r.Data.Validation = recipe.Holdout{File: recipe.File(fromFolder(dir, string(v.File)))}
	case f.given(validationFlag):
		r.Data.Validation = v
	}
	if f.test != "" {
		r.Data.Test = recipe.File(fromFolder(dir, f.test))
	}
	if err := setRef(&r.Teacher[0].From, f.teacher); err != nil {
		return err
	}
	if r.Teacher[0].From.Kind != recipe.RefPath {
		return nil
	}
	return r.Teacher[0].From.Set(asPath(fromFolder(dir, f.teacher)))
}

// findParts finds what is for validation and what for tests, where a folder's
// files or the file itself say so.
func (f *initFlags) findParts() error {
	files, err := data.Find(f.data, f.read.Format)
	if err != nil {
		return err
	}
	f.data = files.Train
	if !f.given(validationFlag) {
		f.validation.File = recipe.File(files.Validation)
	}
	f.test = cmp.Or(f.test, files.Test)
	return nil
}

// fromFolder returns path as seen from a folder, if it is relative. Where nothing leads
// from one to the other, as between Windows' volumes, it is absolute.
func fromFolder(dir, path string) string {
	if recipe.Absolute(path) {
		return path
	}
	whole, err1 := filepath.Abs(path)
	from, err2 := filepath.Abs(dir)
	if err1 != nil || err2 != nil {
		return path
	}
	rel, err := filepath.Rel(from, whole)
	if err != nil {
		return whole
	}
	return filepath.ToSlash(rel)
}

func asPath(path string) string {
	if recipe.Absolute(path) || strings.HasPrefix(path, "../") {
		return path
	}
	return "./" + path
}

// partNames are what files of any task are called: recipes of two tasks would share a
// name, and so the folder of their runs.
var partNames = []string{"train", "training", "test", "val", "valid", "validation", "dev", "data", "dataset", "examples"}

// nameOfData makes a recipe's name of its data's: the file's, or that of the nearest
// folder above it that says more than which part it is.
func nameOfData(path string) string {
	path, _ = data.CutPart(path)
	at, err := filepath.Abs(path)
	if err != nil {
		return nameOf(path)
	}
	name := nameFrom(stem(at))
	for name == "" || slices.Contains(partNames, name) {
		if at == filepath.Dir(at) {
			return nameOf(path)
		}
		at = filepath.Dir(at)
		name = nameFrom(filepath.Base(at))
	}
	return name
}

// nameOf makes a recipe's name of a file's.
func nameOf(path string) string { return cmp.Or(nameFrom(stem(path)), "student") }

// stem returns the name of a file without its ending.
func stem(path string) string { return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) }

// nameFrom keeps of a text what a recipe's name may have; "" if that is nothing.
func nameFrom(text string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
	name = strings.Trim(name, "-")
	return name[:min(len(name), 60)]
}
