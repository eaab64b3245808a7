package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"limbeck/recipe"
	"limbeck/recipe/run"
)

// programs are what scripts can run besides what the system has.
var programs = map[string]func(){
	"limbeck": main,
	// fakebeck is limbeck with steps that need no model.
	"fakebeck": func() {
		compile = fakeCompile
		main()
	},
}

func TestMain(m *testing.M) { testscript.Main(m, programs) }

// TestScripts runs the command lines of testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"waitfor": waitFor},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			return nil
		},
	})
}

// waitFor waits until a file that matches a pattern exists.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	for range 1000 {
		if found, err := filepath.Glob(ts.MkAbs(args[0])); err == nil && len(found) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("no file %s", args[0])
}

// fakeCompile makes a chain of two steps: the second counts to the number of
// training steps, slowly, with a checkpoint when it is interrupted.
func fakeCompile(r *recipe.Recipe) ([]*run.Step, error) {
	data := &run.Step{Kind: "data", Name: "data", Version: 1, Settings: r.Data,
		Inputs: []run.Input{{Name: "train", Path: r.Find(r.Data.Train), Shown: string(r.Data.Train), Key: "data.train"}},
		Run: func(ctx context.Context, w *run.Work) error {
			text, err := os.ReadFile(w.Input("train"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(w.Dir, "data"), text, 0o666)
		}}
	train := &run.Step{Kind: "train", Name: "train", Version: 1, Settings: r.Train,
		Inputs:  []run.Input{{Name: "data", Of: data}},
		Exports: map[string]string{"model": "student.gguf"},
		Predict: fakeCost,
		Run:     func(ctx context.Context, w *run.Work) error { return fakeTrain(ctx, w, int64(r.Train.Steps)) }}
	return []*run.Step{data, train}, nil
}

// fakeCost is what is predicted of the second step, or what scripts say of it.
func fakeCost() (run.Cost, error) {
	c := run.Cost{Seconds: 90, Memory: 1e6, Disk: 2e6}
	return c, json.Unmarshal([]byte(cmp.Or(os.Getenv("FAKE_COST"), "{}")), &c)
}

func fakeTrain(ctx context.Context, w *run.Work, steps int64) error {
	checkpoint := filepath.Join(w.Checkpoints, "at")
	var first int64
	if text, err := os.ReadFile(checkpoint); err == nil {
		if _, err := fmt.Sscan(string(text), &first); err != nil {
			return err
		}
		w.Progress("resumed", 0, 0, "")
	}
	for i := first; i < steps; i++ {
		select {
		case <-ctx.Done():
			if err := os.WriteFile(checkpoint, fmt.Append(nil, i), 0o666); err != nil {
				return err
			}
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
		w.Progress("", i+1, steps, "loss 1.25")
		if i == first { // scripts wait for this file
			if err := os.WriteFile(filepath.Join(w.Checkpoints, "started"), nil, 0o666); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(w.Dir, "model"), fmt.Append(nil, steps), 0o666)
}

// Every command has a line that explains it, and an example.
func TestCommandsAreExplained(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || !strings.Contains(c.Example, "limbeck") {
			t.Errorf("%s: no explanation or no example", c.CommandPath())
		}
		var out bytes.Buffer
		c.SetOut(&out)
		help(c, nil)
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > tableWidth {
				t.Errorf("%s: a help line of %d characters: %s", c.CommandPath(), n, line)
			}
		}
		if text := out.String(); strings.Contains(text, "\t") || strings.Contains(text, "####") || strings.Contains(text, "\n\n\n") {
			t.Errorf("%s: help is not laid out as that of other commands:\n%s", c.CommandPath(), text)
		}
		for _, inner := range c.Commands() {
			walk(inner)
		}
	}
	walk(newRoot(newApp(nil, nil, nil)))
}

// Flags that stand for keys of a recipe speak of what the command has: of no other
// section, and of one model where there is one.
func TestFlagsSpeakOfTheirCommand(t *testing.T) {
	root := newRoot(newApp(nil, nil, nil))
	said := map[string]int{}
	for name, foreign := range map[string]string{
		"train": `recipe's|batch_tokens|of train\b|synthesize`, "distill": `recipe's|batch_tokens|of train\b|synthesize`,
		"prune": `recipe's|student|teacher|keys above`, "quantize": `recipe's|student|teacher`,
	} {
		cmd, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		wrong := regexp.MustCompile(foreign)
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if found := wrong.FindString(f.Usage); found != "" {
				t.Errorf("%s --%s: %q in %q", name, f.Name, found, f.Usage)
			}
			key := strings.ReplaceAll(f.Name, "-", "_")
			usage := f.Usage
			if s, ok := f.Value.(*setting); ok {
				usage = strings.TrimSuffix(usage, "; "+s.Choice)
			}
			if usage == commandDocs[key] {
				said[key]++
			}
		})
	}
	if len(said) != len(commandDocs) {
		t.Errorf("of commandDocs these are in use: %v", said)
	}
}

// The help of a flag whose value is a word of a list has the list.
func TestHelpHasChoices(t *testing.T) {
	root := newRoot(newApp(nil, nil, nil))
	for name, flags := range map[string][]string{
		"train": {"schedule", "keep", "loss-on", "compute", "format"}, "distill": {"divergence", "cache", "schedule"},
		"quantize": {"embedding"},
	} {
		cmd, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range flags {
			f := cmd.Flag(flag)
			if words := f.Value.(*setting).Words; len(words) < 2 || !strings.HasSuffix(f.Usage, "; one of: "+strings.Join(words, ", ")) {
				t.Errorf("%s --%s: %q does not end with its words, %v", name, flag, f.Usage, words)
			}
		}
	}
}

// A flag that a training shares with commands that train nothing is set for all of them
// only if it means the same to each.
func TestSharedSettingsMeanTheSame(t *testing.T) {
	same := append(readFlags(), "dir", "force", "out", "teacher", "threads", "validation")
	trainings := []string{"train", "distill", "demo"}
	root := newRoot(newApp(nil, nil, nil))
	elsewhere := map[string]string{}
	for _, c := range root.Commands() {
		if !slices.Contains(trainings, c.Name()) {
			c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { elsewhere[f.Name] = c.Name() })
		}
	}
	for _, c := range root.Commands() {
		foreign := foreignSettings[c.Name()]
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			other, shared := elsewhere[f.Name]
			if slices.Contains(trainings, c.Name()) && shared && slices.Contains(same, f.Name) == slices.Contains(foreign, f.Name) {
				t.Errorf("%s --%s, which %s has too: does it mean the same?", c.Name(), f.Name, other)
			}
		})
		for _, flag := range foreign {
			if c.Flag(flag) == nil || !strings.Contains(root.Long, flag) {
				t.Errorf("%s --%s is none, or the help of settings does not name it", c.Name(), flag)
			}
		}
	}
}

// README shows every command.
func TestREADMEHasCommands(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		name := c(newApp(nil, nil, nil)).Name()
		if !regexp.MustCompile(`\blimbeck ` + name + `\b`).Match(text) {
			t.Errorf("README.md does not show limbeck %s", name)
		}
	}
}

// What is advised to type is words of a shell, wherever the program and files lie.
func TestAdviceIsQuoted(t *testing.T) {
	if os.PathSeparator != '/' {
		t.Skip("quotes are another shell's")
	}
	defer func(name string) { os.Args[0] = name }(os.Args[0])
	os.Args[0] = "/opt/my tools/limbeck"
	var out bytes.Buffer
	initResult{Recipe: "my recipe.yaml"}.write(&out)
	(&madeRun{students: []string{"my run/a.gguf"}}).writeNext(&out, "hello")
	out.WriteString((&makeFlags{}).again(&cobra.Command{}, "my recipe.yaml"))
	for _, want := range []string{
		"'/opt/my tools/limbeck' make 'my recipe.yaml' --dry-run\n", "'/opt/my tools/limbeck' run 'my run/a.gguf' \"hello\"\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s\nwant in it: %s", &out, want)
		}
	}
	if want := "'/opt/my tools/limbeck' make 'my recipe.yaml'"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("%s\nwant at its end: %s", &out, want)
	}
}

// Layers that are kept stand in lines of a terminal's width.
func TestKeptLayersFit(t *testing.T) {
	r := prunedResult{}
	for i := range 40 {
		r.LayersKept = append(r.LayersKept, i)
	}
	var out bytes.Buffer
	r.write(&out)
	for line := range strings.Lines(out.String()) {
		if n := len(strings.TrimRight(line, "\n")); n > tableWidth {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
}

// FuzzConfig reads config files and gives what they say to a command's flags.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("make: {dir: x, set: [a=1, b=2]}\njson: true\n"))
	f.Add([]byte("make: {set: [[a]]}\n"))
	f.Add([]byte("dir: &a [*a]\nmake: *a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		root := newRoot(newApp(nil, nil, nil))
		config, err := parseConfig(root, text)
		if err != nil || config == nil {
			return
		}
		cmd, _, err := root.Find([]string{"make"})
		if err != nil {
			t.Fatal(err)
		}
		// An error is as good as a value.
		eachFlag(cmd, func(flag *pflag.Flag) { _ = fromConfig(cmd, flag, config) })
	})
}

// What is interrupted has no result.
func TestInterruptedWithoutResult(t *testing.T) {
	dir := t.TempDir()
	rows, out := filepath.Join(dir, "d.jsonl"), filepath.Join(dir, "r.yaml")
	text := strings.Repeat(`{"text": "lights on", "label": "on"}`+"\n"+`{"text": "no light", "label": "off"}`+"\n", 40)
	if err := os.WriteFile(rows, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{
		{"init", "--teacher", "builtin:home-assistant", "--data", rows, "--out", out},
		{"doctor", "--threads", "1"},
	} {
		var printed bytes.Buffer
		root := newRoot(newApp(nil, &printed, io.Discard))
		root.SetArgs(args)
		if err := root.ExecuteContext(ctx); !errors.Is(err, context.Canceled) || printed.Len() > 0 {
			t.Errorf("%s: %v, printed %q", args[0], err, &printed)
		}
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("a recipe is written: %v", err)
	}
}

// A flag of make that is wrong is a mistake of usage; a recipe that is wrong is none.
func TestMakeExitCodes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r.yaml")
	for name, text := range map[string]string{
		"r.yaml":  "name: a\nteacher: builtin:home-assistant\ndata: {train: d.jsonl, test: t.jsonl}\nquantize: q8_0\n",
		"d.jsonl": `{"text": "on", "label": "a"}`,
		"t.jsonl": `{"text": "off", "label": "b"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		code int
		args []string
	}{
		{exitUsage, []string{"--until", "nosuch"}},
		{exitUsage, []string{"--until", "nosuch", "--dry-run"}},
		{exitUsage, []string{"--set", "x=1"}},
		{exitUsage, []string{"--set", "quantize"}},
		{exitUsage, []string{"--set", "data.test=d.jsonl"}},
		{exitUsage, []string{"--set", "student=oci://x/y"}},
		{exitFailed, nil},
	} {
		recipe := path
		if c.code == exitFailed {
			recipe += ".none"
		}
		var errs bytes.Buffer
		args := append([]string{"make", recipe, "--dir", filepath.Join(dir, "run")}, c.args...)
		if got := execute(args, strings.NewReader(""), &bytes.Buffer{}, &errs); got != c.code {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, got, c.code, &errs)
		}
	}
}
