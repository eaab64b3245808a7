package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"limbeck/internal/disk"
)

// The chain of the tests: steps that compute like real ones, with state that
// must survive, but in milliseconds.

type dataSettings struct{ Upper bool }

func dataStep(file string) *Step {
	return &Step{Kind: "data", Name: "data", Version: 1, Portable: true, Settings: dataSettings{true},
		Inputs: []Input{{Name: "train", Path: file, Shown: "train.txt", Key: "data.train", License: "CC0", Labels: "people"}},
		Run: func(ctx context.Context, w *Work) error {
			text, err := os.ReadFile(w.Input("train"))
			if err != nil {
				return err
			}
			if err := os.Mkdir(filepath.Join(w.Dir, "sub"), 0o777); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(w.Dir, "sub", "data.txt"), []byte(strings.ToUpper(string(text))), 0o666)
		}}
}

type trainSettings struct {
	Seed  int64   `json:"seed"`
	Steps int     `json:"steps"`
	LR    float64 `json:"lr"`
}

// trainState is what a checkpoint holds.
type trainState struct {
	Step int
	Sum  [64]float64
	RNG  []byte
}

const checkpointEvery = 7 // steps; no divisor of the steps, so that the last is not saved

func trainStep(name string, s trainSettings, data *Step) *Step {
	return &Step{Kind: "train", Name: name, Version: 1, Settings: s,
		Inputs: []Input{{Name: "data", Of: data, Path: "sub/data.txt"}},
		Run: func(ctx context.Context, w *Work) error {
			text, err := os.ReadFile(w.Input("data"))
			if err != nil {
				return err
			}
			pcg := rand.NewPCG(uint64(s.Seed), uint64(len(text)))
			var state trainState
			path := filepath.Join(w.Checkpoints, "state.json")
			if saved, err := os.ReadFile(path); err == nil {
				if err := errors.Join(json.Unmarshal(saved, &state), pcg.UnmarshalBinary(state.RNG)); err != nil {
					return err
				}
			}
			save := func() error {
				if state.RNG, err = pcg.MarshalBinary(); err != nil {
					return err
				}
				return disk.Write(path, func(out io.Writer) error { return json.NewEncoder(out).Encode(state) })
			}
			for r := rand.New(pcg); state.Step < s.Steps; {
				for i := range state.Sum {
					state.Sum[i] += s.LR * r.NormFloat64()
				}
				state.Step++
				w.Progress("", int64(state.Step), int64(s.Steps), "")
				if ctx.Err() != nil {
					return errors.Join(save(), ctx.Err())
				}
				if state.Step%checkpointEvery == 0 {
					if err := save(); err != nil {
						return err
					}
				}
				time.Sleep(time.Millisecond)
			}
			w.Fact("parameters", fmt.Sprint(len(state.Sum)))
			return os.WriteFile(filepath.Join(w.Dir, "model.gguf"), fmt.Append(nil, state.Sum), 0o666)
		}}
}

func compareStep(models ...*Step) *Step {
	s := &Step{Kind: "compare", Name: "compare", Version: 1, Settings: struct{ Runs int }{3},
		Exports: map[string]string{"report.json": "report.json", "times.json": "times.json"}}
	for _, m := range models {
		s.Inputs = append(s.Inputs, Input{Name: m.Name, Of: m, Path: "model.gguf"})
	}
	s.Run = func(ctx context.Context, w *Work) error {
		var report strings.Builder
		for _, m := range models {
			text, err := os.ReadFile(w.Input(m.Name))
			if err != nil {
				return err
			}
			fmt.Fprintf(&report, "%s %d\n", m.Name, len(text))
		}
		w.Measured("times.json")
		return errors.Join(
			os.WriteFile(filepath.Join(w.Dir, "report.json"), []byte(report.String()), 0o666),
			os.WriteFile(filepath.Join(w.Dir, "times.json"), fmt.Append(nil, time.Now().UnixNano()), 0o666))
	}
	return s
}

// chain returns the test's steps over the training file.
func chain(file string) []*Step {
	data := dataStep(file)
	a := trainStep("train-a", trainSettings{1, 60, .1}, data)
	b := trainStep("train-b", trainSettings{2, 45, .1}, data)
	b.Exports = map[string]string{"model.gguf": "student.gguf"}
	return []*Step{data, a, b, compareStep(a, b)}
}

func trainFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "train.txt")
	if err := os.WriteFile(path, []byte("turn the lights on\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

var options = Options{Program: "test 1", Recipe: map[string]int{"seed": 1}}

func mustMake(t *testing.T, dir string, steps []*Step, o Options) *Plan {
	t.Helper()
	p, err := Open(dir, "test").Make(t.Context(), steps, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustPlan(t *testing.T, dir string, steps []*Step) *Plan {
	t.Helper()
	p, err := Open(dir, "test").Plan(t.Context(), steps)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func states(p *Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s: %s\n", s.Name, s.Why)
	}
	return b.String()
}

// tree returns what a run made: path → content. Logs, caches and measured
// times are left out.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		rel = filepath.ToSlash(rel)
		if rel == logsDir {
			return filepath.SkipDir
		}
		measured := strings.HasSuffix(rel, "times.json") || strings.HasPrefix(rel, "steps/compare") && strings.HasSuffix(rel, manifestFile)
		if e.IsDir() || rel == digestsFile || rel == inUseFile || measured {
			return nil
		}
		text, err := os.ReadFile(p)
		out[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMakeThenNothingToDo(t *testing.T) {
	dir, file := t.TempDir(), trainFile(t)
	if p := mustPlan(t, dir, chain(file)); p.ToDo() != 4 {
		t.Errorf("%d to do, want 4", p.ToDo())
	}
	mustMake(t, dir, chain(file), options)
	made := tree(t, dir)
	for _, name := range []string{"student.gguf", "report.json", LineageFile} {
		if made[name] == "" {
			t.Errorf("no %s", name)
		}
	}
	for _, want := range []string{`"license": "CC0"`, `"labels": "people"`, `"path": "train.txt"`, `"parameters": "64"`, `"seed": 2`, `"measured": true`} {
		if !strings.Contains(made[LineageFile], want) {
			t.Errorf("no %s in the lineage:\n%s", want, made[LineageFile])
		}
	}
	if strings.Contains(made[LineageFile], filepath.Dir(file)) {
		t.Error("the lineage names a folder of this machine")
	}
	p := mustMake(t, dir, chain(file), options)
	if p.ToDo() != 0 {
		t.Errorf("to do again: %s", states(p))
	}
	if got := tree(t, dir); fmt.Sprint(got) != fmt.Sprint(made) {
		t.Error("making nothing changed something")
	}
}

func TestWhy(t *testing.T) {
	dir, file := t.TempDir(), trainFile(t)
	mustMake(t, dir, chain(file), options)

	steps := chain(file)
	steps[2].Settings = map[string]any{"seed": 2, "steps": 45, "lr": []float64{.1, .2}}
	if got, want := states(mustPlan(t, dir, steps)), "data: \ntrain-a: \ntrain-b: changed: lr 0.1 → [0.1,0.2]\ncompare: needs train-b\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	steps = chain(file)
	steps[1].Version = 2
	if got, want := states(mustPlan(t, dir, steps)), "data: \ntrain-a: changed: train version 1 → train version 2\ntrain-b: \ncompare: needs train-a\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if err := os.WriteFile(file, []byte("something else"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got, want := states(mustPlan(t, dir, chain(file))), "data: changed: input train\ntrain-a: needs data\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s want %s", got, want)
	}
	p, err := Open(dir, "another").Plan(t.Context(), chain(trainFile(t)))
	if got, want := states(p), "data: \ntrain-a: changed: machine test → another\n"; err != nil || !strings.HasPrefix(got, want) {
		t.Errorf("got %s, %v want %s", got, err, want)
	}
}

func TestDamageIsFound(t *testing.T) {
	dir, file := t.TempDir(), trainFile(t)
	p := mustMake(t, dir, chain(file), options)
	made := tree(t, dir)
	model := filepath.Join(Open(dir, "test").StepDir("train", p.Steps[1].Key), "model.gguf")
	text, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	text[3] ^= 1
	if err := os.WriteFile(model, text, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := states(mustPlan(t, dir, chain(file))); !strings.Contains(got, "train-a: its file model.gguf has changed\n") {
		t.Errorf("got %s", got)
	}
	mustMake(t, dir, chain(file), options)
	if got := tree(t, dir); fmt.Sprint(got) != fmt.Sprint(made) {
		t.Error("made anew, something differs")
	}
}

func TestUntil(t *testing.T) {
	dir, file := t.TempDir(), trainFile(t)
	o := options
	o.Until = "train-b"
	mustMake(t, dir, chain(file), o)
	if got, want := states(mustPlan(t, dir, chain(file))), "data: \ntrain-a: not made yet\ntrain-b: \n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %s want %s", got, want)
	}
	o.Until = "trian"
	if _, err := Open(dir, "test").Make(t.Context(), chain(file), o); !errors.Is(err, ErrNoStep) {
		t.Errorf("got %v", err)
	}
}

// Variants that begin alike share their steps.
func TestSharedSteps(t *testing.T) {
	dir, file := t.TempDir(), trainFile(t)
	data, again := dataStep(file), dataStep(file)
	again.Name = "data-2"
	a := trainStep("a", trainSettings{1, 5, .1}, data)
	b := trainStep("b", trainSettings{2, 5, .1}, again)
	p := mustMake(t, dir, []*Step{data, again, a, b}, options)
	if len(p.Steps) != 3 || p.Skipped["data-2"] != p.Steps[0] {
		t.Errorf("steps %s skipped %v", states(p), p.Skipped)
	}
	same := trainStep("same", trainSettings{1, 5, .1}, data)
	same.Exports = map[string]string{"model.gguf": "whole.gguf"}
	if mustMake(t, dir, []*Step{data, a, same}, options); tree(t, dir)["whole.gguf"] == "" {
		t.Error("what a later step of the same key exports is missing")
	}
	u, err := mustPlan(t, dir, []*Step{data, again, a, b}).Until("b")
	if err != nil || len(u.Steps) != 2 {
		t.Errorf("until b: %s, %v", states(u), err)
	}
}

func TestCancelThenResume(t *testing.T) {
	file := trainFile(t)
	calm := t.TempDir()
	mustMake(t, calm, chain(file), options)

	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	o := options
	o.Progress = func(stage string, done, total int64, note string) {
		if stage == "train-a" && done == 31 {
			cancel()
		}
	}
	_, err := Open(dir, "test").Make(ctx, chain(file), o)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "interrupted in step train-a") {
		t.Errorf("got %v", err)
	}
	if got := states(mustPlan(t, dir, chain(file))); !strings.Contains(got, "train-a: interrupted; goes on from what it kept\n") {
		t.Errorf("got %s", got)
	}
	least := int64(1 << 40)
	o.Progress = func(stage string, done, total int64, note string) {
		if stage == "train-a" {
			least = min(least, done)
		}
	}
	mustMake(t, dir, chain(file), o)
	if least != 32 {
		t.Errorf("went on at %d, want 32", least)
	}
	if got, want := tree(t, dir), tree(t, calm); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error("resumed, something differs")
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	failure := errors.New("no such weights")
	s := &Step{Kind: "x", Name: "x", Run: func(ctx context.Context, w *Work) error {
		if err := os.WriteFile(filepath.Join(w.Dir, "half"), []byte("h"), 0o666); err != nil {
			return err
		}
		return failure
	}}
	_, err := Open(dir, "test").Make(t.Context(), []*Step{s}, options)
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(filepath.Join(dir, stepsDir))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, LineageFile)); err == nil {
		t.Error("a failed run wrote a lineage")
	}
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	s := &Step{Kind: "x", Name: "x", Run: func(ctx context.Context, w *Work) error {
		return &fs.PathError{Op: "write", Path: "weights", Err: syscall.ENOSPC}
	}}
	_, err := Open(dir, "test").Make(t.Context(), []*Step{s}, options)
	if err == nil || !strings.HasPrefix(err.Error(), "step x: the disk is full; ") {
		t.Errorf("got %v", err)
	}
}

func TestMissingInput(t *testing.T) {
	_, err := Open(t.TempDir(), "test").Plan(t.Context(), []*Step{dataStep("nowhere.txt")})
	if want := "data.train: no file or folder train.txt: file does not exist"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTwoRunsInOneFolder(t *testing.T) {
	dir := t.TempDir()
	first := Open(dir, "test")
	if err := first.Lock(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, "test").Make(t.Context(), nil, options)
	if want := fmt.Sprintf("is in use by process %d", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	first.Unlock()
	mustMake(t, dir, nil, options)
}

func TestSweep(t *testing.T) {
	dir, file := t.TempDir(), trainFile(t)
	mustMake(t, dir, chain(file), options)
	steps := filepath.Join(dir, stepsDir)
	long := time.Now().Add(-2 * abandoned)
	for name, keep := range map[string]bool{
		"train-0123456789ab.tmp": false, "train-0123456789ac.tmp": true, "notes.tmp": true, trash + "train-0123456789ab": false,
	} {
		p := filepath.Join(steps, name)
		if err := os.MkdirAll(filepath.Join(p, checkpointDir), 0o777); err != nil {
			t.Fatal(err)
		}
		if !keep {
			if err := errors.Join(os.Chtimes(filepath.Join(p, checkpointDir), long, long), os.Chtimes(p, long, long)); err != nil {
				t.Fatal(err)
			}
		}
		defer func() {
			if _, err := os.Stat(p); (err == nil) != keep {
				t.Errorf("%s: kept %v, want %v", name, err == nil, keep)
			}
		}()
	}
	half := filepath.Join(dir, "."+LineageFile+".12.tmp")
	if err := os.WriteFile(half, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	mustMake(t, dir, chain(file), options)
	if _, err := os.Stat(half); err == nil {
		t.Error("a half-written lineage stayed")
	}
}

func TestPreflight(t *testing.T) {
	s := &Step{Kind: "x", Name: "x", Run: func(context.Context, *Work) error { return nil }}
	for _, c := range []Cost{{Memory: 1 << 60}, {Disk: 1 << 60}} {
		s.Predict = func() (Cost, error) { return c, nil }
		dir := t.TempDir()
		_, err := Open(dir, "test").Make(t.Context(), []*Step{s}, options)
		if no := new(NoFit); !errors.As(err, &no) || no.Need < 1<<60 || (no.Dir == dir) != (c.Disk > 0) {
			t.Errorf("%+v: got %v", c, err)
		}
		o := options
		o.Force = true
		mustMake(t, dir, []*Step{s}, o)
	}
}

// What a run is to leave free is told apart from what it takes, and a small one leaves
// no more than that.
func TestFitsDisk(t *testing.T) {
	for _, c := range []struct {
		need, free int64
		want       string
	}{
		{0, 0, ""},
		{10e6, 20e6, ""},
		{10e6, 20e6 - 1, "the run takes 10.0 MB on the disk of out and is to leave 10.0 MB free, but 20.0 MB are: it does not fit"},
		{63e6, 62.9e6, "the run takes 63.0 MB on the disk of out and is to leave 63.0 MB free, but 62.9 MB are: it does not fit"},
		{1e9, 1e9 + 64<<20, ""},
		{1e9, 1e9, "the run takes 1.0 GB on the disk of out and is to leave 67.1 MB free, but 1.0 GB are: it does not fit"},
		{math.MaxInt64, 1e9, "the run takes 9223372 TB on the disk of out and is to leave 67.1 MB free, but 1.0 GB are: it does not fit"},
	} {
		text := ""
		err := fitsDisk("out", c.need, c.free)
		if err != nil {
			text = err.Error()
		}
		if no := new(NoFit); text != c.want || errors.As(err, &no) && c.need < 1e15 && no.Free+no.Lacking() != c.need+no.Spare {
			t.Errorf("%d of %d: %q, want %q", c.need, c.free, text, c.want)
		}
	}
}

// What an interrupted step has written need not be free again.
func TestResumingNeedsTheRest(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	s := &Step{Kind: "x", Name: "x", Predict: func() (Cost, error) { return Cost{Disk: 5000}, nil },
		Run: func(_ context.Context, w *Work) error {
			cancel()
			return errors.Join(os.WriteFile(filepath.Join(w.Checkpoints, "at"), make([]byte, 3000), 0o666), ctx.Err())
		}}
	f := Open(dir, "test")
	if p := mustPlan(t, dir, []*Step{s}); f.toWrite(p) != 5000 {
		t.Errorf("at first %d bytes to write, want 5000", f.toWrite(p))
	}
	if _, err := f.Make(ctx, []*Step{s}, options); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p := mustPlan(t, dir, []*Step{s})
	const key = 65 // bytes that name the step
	if got := f.toWrite(p); !p.Steps[0].Resumes || got != 2000-key {
		t.Errorf("with a checkpoint of 3000 bytes %d are to write, want %d", got, 2000-key)
	}
	p.Steps[0].Cost.Disk = 1000
	if got := f.toWrite(p); got != 0 {
		t.Errorf("of a step that holds more than it needs %d bytes are to write", got)
	}
}

// The cache never hides a change.
func TestDigests(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	write := func(text string, age time.Duration) {
		t.Helper()
		at := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o666), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	sum := func() string {
		t.Helper()
		d := newDigester(dir)
		s, err := d.path(file)
		if err != nil {
			t.Fatal(err)
		}
		d.save()
		return s
	}
	write("a", 0)
	a := sum()
	write("b", 0) // the same size, maybe within the clock's tick
	if sum() == a {
		t.Error("a change just after was missed")
	}
	write("a", time.Hour)
	if sum() != a || newDigester(dir).known["f"].Digest != a {
		t.Error("an old file's digest is not remembered")
	}
	write("b", 2*time.Hour)
	if sum() == a {
		t.Error("a change of time was missed")
	}
}

func TestKeyIsStable(t *testing.T) {
	s := &Step{Kind: "train", Name: "x", Version: 3, Settings: map[string]any{"b": 1e-5, "a": "<é>"}}
	settings, err := canonical(s.Settings)
	if err != nil || string(settings) != `{"a":"<é>","b":0.00001}` {
		t.Errorf("settings %s, %v", settings, err)
	}
	k, err := key(s, settings, []keyInput{{"data", "00"}}, "amd64")
	const want = "300e29ee7212" // changes only with what keys are, which makes every run anew
	if err != nil || !strings.HasPrefix(k, want) {
		t.Errorf("key %s, %v, want %s", k, err, want)
	}
}

// A folder that a command claims is no other's, nor a run's; then anybody's again.
func TestClaim(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r3")
	release, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("folder %s is in use by process %d", dir, os.Getpid())
	_, again := Claim(dir)
	for _, err := range []error{again, Open(dir, "m").Lock()} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	release()
	if release, err = Claim(dir); err != nil {
		t.Fatal(err)
	}
	release()
}

// A file that something writes to is found out, before a step reads it and after: no
// output is of other bytes than its key says, and what was kept is not gone on from.
func TestInputChanges(t *testing.T) {
	grow := func(file string) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, append(text, "more\n"...), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, when := range []string{"before", "meanwhile", "interrupted"} {
		dir, file := t.TempDir(), trainFile(t)
		steps, o := chain(file), options
		read := steps[0].Run
		if when == "before" {
			o.Started = func(*Planned, int, int, time.Duration, bool) { grow(file) }
		} else {
			steps[0].Run = func(ctx context.Context, w *Work) error {
				grow(file)
				err := os.WriteFile(filepath.Join(w.Checkpoints, "part"), nil, 0o666)
				if when == "interrupted" {
					return context.Canceled
				}
				return errors.Join(err, read(ctx, w))
			}
		}
		f := Open(dir, "test")
		p, err := f.Make(t.Context(), steps, o)
		const want = "step data: data.train: train.txt has changed since the run looked at it: start again"
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", when, err, want)
		}
		if left, err := os.ReadDir(filepath.Join(dir, stepsDir)); err != nil || len(left) > 0 || p.Steps[0].Done {
			t.Errorf("%s: %v is left, error %v", when, left, err)
		}
		mustMake(t, dir, chain(file), options)
		if made := tree(t, f.StepDir("data", mustPlan(t, dir, chain(file)).Steps[0].Key)); !strings.HasSuffix(made["sub/data.txt"], "MORE\n") {
			t.Errorf("%s: started again, made of %q", when, made["sub/data.txt"])
		}
	}
}
