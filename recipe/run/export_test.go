package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a step reads, and what no run made, is not written over: that is said before
// any work.
func TestExportsOverOthers(t *testing.T) {
	for name, want := range map[string]string{"student.gguf": "is no file of this run", "report.json": "is no file of this run", "train.txt": "is what data.train names"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
		file := trainFile(t)
		if name == "train.txt" {
			file = path
		}
		steps := chain(file)
		steps[1].Exports = map[string]string{"model.gguf": "train.txt"}
		_, err := Open(dir, "test").Make(t.Context(), steps, options)
		if err == nil || !strings.Contains(err.Error(), path+", which "+want) {
			t.Errorf("%s: %v, want an error that says that it %s", name, err, want)
		}
		text, err := os.ReadFile(path)
		if made, _ := os.ReadDir(filepath.Join(dir, stepsDir)); err != nil || string(text) != "mine" || len(made) > 0 {
			t.Errorf("%s: %q, %v; %d steps were made", name, text, err, len(made))
		}
	}
}

// What a run exported is written over by the next, though it is a copy, or the steps
// that it came from were removed.
func TestExportsOverEarlierOnes(t *testing.T) {
	file := trainFile(t)
	for name, change := range map[string]func(dir string) error{
		"copied": func(dir string) error {
			for _, name := range []string{"student.gguf", "report.json", "times.json"} {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err := errors.Join(err, os.Remove(filepath.Join(dir, name)), os.WriteFile(filepath.Join(dir, name), text, 0o666)); err != nil {
					return err
				}
			}
			return nil
		},
		"steps removed": func(dir string) error { return os.RemoveAll(filepath.Join(dir, stepsDir)) },
		"steps removed, and interrupted": func(dir string) error {
			steps := chain(file)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			steps[3].Run = func(context.Context, *Work) error { cancel(); return ctx.Err() }
			steps[2].Settings = trainSettings{2, 45, .3}
			if _, err := Open(dir, "test").Make(ctx, steps, options); !errors.Is(err, context.Canceled) {
				return err
			}
			return os.RemoveAll(filepath.Join(dir, stepsDir))
		},
		"copied, and no lineage": func(dir string) error {
			path := filepath.Join(dir, "student.gguf")
			text, err := os.ReadFile(path)
			return errors.Join(err, os.Remove(path), os.WriteFile(path, text, 0o666), os.Remove(filepath.Join(dir, LineageFile)))
		},
	} {
		dir := t.TempDir()
		mustMake(t, dir, chain(file), options)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		steps := chain(file)
		steps[2].Settings = trainSettings{2, 45, .2}
		if _, err := Open(dir, "test").Make(t.Context(), steps, options); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whenever a run stops, the folder shows what belongs together: the student of before
// with its report and lineage, or the new one, its lineage, and no report.
func TestInterruptedFolderIsOfOnePiece(t *testing.T) {
	file := trainFile(t)
	changed := func() []*Step {
		data := dataStep(file)
		a, b := trainStep("train-a", trainSettings{1, 60, .1}, data), trainStep("train-b", trainSettings{2, 45, .3}, data)
		b.Exports = map[string]string{"model.gguf": "student.gguf"}
		return []*Step{data, a, b, compareStep(a, b)}
	}
	calm := t.TempDir()
	mustMake(t, calm, changed(), options)
	want := tree(t, calm)
	for _, at := range []string{"train-b", "compare"} {
		dir := t.TempDir()
		mustMake(t, dir, chain(file), options)
		before := tree(t, dir)
		steps := changed()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, s := range steps {
			if s.Name == at {
				s.Run = func(context.Context, *Work) error { cancel(); return ctx.Err() }
			}
		}
		if _, err := Open(dir, "test").Make(ctx, steps, options); !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted in %s: %v", at, err)
		}
		got := tree(t, dir)
		if at == "train-b" {
			for _, name := range []string{"student.gguf", "report.json", LineageFile} {
				if got[name] != before[name] {
					t.Errorf("interrupted in %s, %s is another", at, name)
				}
			}
			continue
		}
		if _, times := os.Stat(filepath.Join(dir, "times.json")); got["student.gguf"] != want["student.gguf"] || got["report.json"] != "" || times == nil {
			t.Errorf("interrupted in %s: student %.20q, report %q, times %v", at, got["student.gguf"], got["report.json"], times)
		}
		if l := got[LineageFile]; !strings.Contains(l, `"lr": 0.3`) || strings.Contains(l, `"name": "compare"`) {
			t.Errorf("interrupted in %s, the lineage is\n%s", at, l)
		}
		mustMake(t, dir, changed(), options)
		for path, text := range want {
			if got := tree(t, dir)[path]; got != text {
				t.Errorf("gone on, %s differs", path)
			}
		}
		o := options // back to the settings of before, whose steps are done
		o.Until = "train-b"
		mustMake(t, dir, chain(file), o)
		if got := tree(t, dir); got["student.gguf"] != before["student.gguf"] || got["report.json"] != "" {
			t.Errorf("back, until train-b: student %.20q, report %q", got["student.gguf"], got["report.json"])
		}
		mustMake(t, dir, chain(file), options)
		if got := tree(t, dir); got["report.json"] != before["report.json"] {
			t.Errorf("back: report %q", got["report.json"])
		}
	}
}
