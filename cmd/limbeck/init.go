package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"limbeck/data"
	"limbeck/internal/disk"
	"limbeck/recipe"
	"limbeck/recipe/steps"
)

func init() { register(initCommand) }

type initFlags struct {
	teacher, data, test, out, name string
	force                          bool
}

func initCommand(a *app) *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use: "init", GroupID: groupMake, Args: exactly(),
		Short: "Look at data and write a recipe for it",
		Long: "Looks at the examples, says what the task is, and writes a recipe that\n" +
			"runs as it is: every key with its default and what it means.",
		Example: "  limbeck init --teacher model.gguf --data log.jsonl\n" +
			"  limbeck init --teacher model.gguf --data train.csv --test test.csv -o r.yaml",
		RunE: func(*cobra.Command, []string) error { return initRecipe(a, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.teacher, "teacher", "", "the large `MODEL`")
	flags.StringVar(&f.data, "data", "", "the task's examples: `FILE`, or FILE#train of one that has parts")
	flags.StringVar(&f.test, "test", "", "examples that only the comparison sees: `FILE`")
	flags.StringVarP(&f.out, "out", "o", "recipe.yaml", "`FILE` to write")
	flags.StringVar(&f.name, "name", "", "the student's name (default: the data's)")
	flags.BoolVar(&f.force, "force", false, "write over a recipe that is there")
	return cmd
}

// initResult is what --json prints.
type initResult struct {
	Recipe   string `json:"recipe"`
	Task     string `json:"task"`
	Metric   string `json:"metric"`
	Found    string `json:"found"`
	Examples int    `json:"examples"`
}

func initRecipe(a *app, f initFlags) error {
	if f.teacher == "" || f.data == "" {
		return usageErrorf("--teacher names a model and --data its examples")
	}
	if _, err := os.Stat(f.out); err == nil && !f.force {
		return fmt.Errorf("%s is there already: --force writes over it, --out writes another file", f.out)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f.test == "" {
		f.test = testPart(f.data)
	}
	plan, err := steps.Draft(f.teacher, f.data)
	if err != nil {
		return err
	}
	r := plan.Recipe
	dir := filepath.Dir(f.out)
	r.Data.Train = recipe.File(fromFolder(dir, f.data))
	if f.test != "" {
		r.Data.Test = recipe.File(fromFolder(dir, f.test))
	}
	if err := setRef(&r.Teacher[0].From, f.teacher); err != nil {
		return err
	}
	if r.Teacher[0].From.Kind == recipe.RefPath {
		if err := r.Teacher[0].From.Set(asPath(fromFolder(dir, f.teacher))); err != nil {
			return err
		}
	}
	if r.Name = f.name; r.Name == "" {
		r.Name = nameOf(f.data)
	}
	var text bytes.Buffer
	if err := r.Write(&text, plan.Remarks); err != nil {
		return err
	}
	if _, err := recipe.Read(f.out, text.Bytes()); err != nil {
		return err
	}
	err = disk.Write(f.out, func(w io.Writer) error {
		_, err := w.Write(text.Bytes())
		return err
	})
	if err != nil {
		return err
	}
	result := initResult{f.out, r.Task, plan.Metric, plan.Found, plan.Examples}
	return a.print(result, func(w io.Writer) {
		fmt.Fprintf(w, "%s, %d examples: metric %s\n", plan.Found, plan.Examples, plan.Metric)
		fmt.Fprintf(w, "wrote %s; what it takes: limbeck make %s --dry-run\n", f.out, f.out)
	})
}

// testPart returns the part of a data file that the file itself sets apart for
// tests, or "" if it does not.
func testPart(path string) string {
	base, part, _ := strings.Cut(path, "#")
	if part != "" && part != string(data.Train) {
		return ""
	}
	test := base + "#" + string(data.Test)
	if _, err := data.Load(test, data.Options{}); err != nil {
		return ""
	}
	return test
}

// fromFolder returns path as seen from a folder, if it is relative.
func fromFolder(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return path
}

func asPath(path string) string {
	if filepath.IsAbs(path) || strings.HasPrefix(path, "../") {
		return path
	}
	return "./" + path
}

// nameOf makes a recipe's name of a file's.
func nameOf(path string) string {
	base, _, _ := strings.Cut(filepath.Base(path), "#")
	base = strings.TrimSuffix(base, filepath.Ext(base))
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(base))
	if name = strings.Trim(name, "-"); name == "" {
		return "student"
	}
	return name[:min(len(name), 60)]
}
