package steps_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"limbeck/data"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
)

// The test binary makes a recipe in a process of its own, which can be killed.
const (
	makeEnv    = "LIMBECK_TEST_MAKE"
	threadsEnv = "LIMBECK_TEST_THREADS"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(makeEnv); path != "" {
		steps.SetCheckpointEvery(0)
		steps.SetParts(8, 300)
		threads, _ := strconv.Atoi(os.Getenv(threadsEnv))
		if err := makeRecipe(path, threads); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// compiled reads a recipe; its run's folder is run, beside it.
func compiled(path string) (*recipe.Recipe, []*run.Step, *run.Folder, error) {
	r, err := recipe.Load(path)
	if err != nil {
		return nil, nil, nil, err
	}
	made, err := recipe.Compile(r)
	return r, made, run.Open(filepath.Join(filepath.Dir(path), "run"), "test"), err
}

func makeRecipe(path string, threads int) error {
	r, made, folder, err := compiled(path)
	if err != nil {
		return err
	}
	_, err = folder.Make(context.Background(), made,
		run.Options{Recipe: r, Program: "test", Threads: threads})
	return err
}

const chain = `name: tiny
teacher:
  - {from: ./teacher.gguf}
  - {train: {steps: 12, lr: [1e-3, 3e-3], batch_tokens: 256, max_tokens: 128, eval_every: 4}}
data: {train: train.jsonl, validation: 20%, augment: {exchange_slots: 1, invent_values: 0.5}}
synthesize: {prompts: 20, min_confidence: 0, lr: 3e-3, steps: 8, batch_tokens: 256, max_tokens: 32, eval_every: 4}
student: {layers: 2, ffn: 50%, heads: 2, kv_heads: 1, vocab: 270}
distill: {cache: topk, topk: 8, steps: 16, batch_tokens: 256, max_tokens: 128, eval_every: 5}
quantize: {format: q4_0}
`

// workshop writes a recipe, its model and its data to a new folder, and returns
// the recipe's path.
func workshop(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := testkit.Model(1).Save(filepath.Join(dir, "teacher.gguf")); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	places, things := []string{"hall", "attic", "cellar", "porch"}, []string{"lamp", "fan", "radio"}
	for i := range 60 {
		place, thing := places[i%4], things[i%3]
		fmt.Fprintf(&b, `{"text": "the %s in the %s number %d", "intent": "%s_on", "slots": [{"name": "place", "value": "%s"}]}`+"\n", thing, place, i, thing, place)
	}
	write(t, filepath.Join(dir, "train.jsonl"), b.String())
	path := filepath.Join(dir, "recipe.yaml")
	write(t, path, text)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// start makes a recipe in another process.
func start(t *testing.T, path string, threads int) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), makeEnv+"="+path, threadsEnv+"="+strconv.Itoa(threads))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// outputs returns the files of a finished run that must not depend on how it
// went, by their path.
func outputs(t *testing.T, path string) map[string]string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(path), "run")
	files := map[string]string{}
	for _, pattern := range []string{"*.gguf", run.LineageFile, "steps/*/*.gguf", "steps/*/*.json", "steps/*/*.jsonl", "steps/*/*.gob"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			name, _ := filepath.Rel(dir, f)
			files[name] = string(text)
		}
	}
	return files
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %s differs", what, name)
			if strings.HasSuffix(name, ".json") {
				t.Logf("want %s\ngot %s", want[name], got[name])
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d files, want %d", what, len(got), len(want))
	}
}

// A chain that is killed again and again, and one on another number of threads,
// end in the same bytes as one that nothing disturbs.
func TestKilledChain(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a chain a dozen times, in processes of its own")
	}
	calm := workshop(t, chain)
	began := time.Now()
	cmd, out := start(t, calm, 1)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(began)
	want := outputs(t, calm)
	if len(want) < 10 {
		t.Fatalf("an undisturbed run leaves only %d files", len(want))
	}

	cmd, out = start(t, calm2(t, calm), 2)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	same(t, "two threads", outputs(t, twin(calm)), want)

	rng := rand.New(rand.NewPCG(9, 9))
	hunted := workshop(t, chain)
	kills := 0
	for attempt := 0; ; attempt++ {
		if attempt > 200 {
			t.Fatal("the run does not come to its end")
		}
		cmd, out := start(t, hunted, 2)
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		case <-time.After(time.Duration(float64(took) * (0.05 + 0.4*rng.Float64()) * (1 + float64(attempt)/20))):
			// Ever later, in case the calm run had the machine to itself and this one does not.
			if err := cmd.Process.Kill(); err == nil {
				kills++
			}
			<-done
			continue
		}
		break
	}
	t.Logf("killed %d times", kills)
	if kills == 0 {
		t.Error("no run was killed: the test shows nothing")
	}
	same(t, "killed", outputs(t, hunted), want)
}

func twin(path string) string { return filepath.Join(filepath.Dir(path), "twin", "recipe.yaml") }

// calm2 copies a workshop into a folder beside its run.
func calm2(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Dir(twin(path))
	if err := os.Mkdir(to, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"recipe.yaml", "train.jsonl", "teacher.gguf"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), string(text))
	}
	return twin(path)
}

// A teacher and a writer that know their data make examples like it: new, and
// with values from the prompt; what is of the validation part is not among them.
func TestSynthesize(t *testing.T) {
	if testing.Short() {
		t.Skip("trains until the teacher knows its data")
	}
	training := "lr: 3e-3, batch_tokens: 512, max_tokens: 128, eval_every: 100, "
	path := workshop(t, `name: a
teacher: [./teacher.gguf, {train: {`+training+`steps: 400}}]
data: {train: train.jsonl, validation: 20%}
synthesize: {prompts: 200, `+training+`steps: 200}
distill: {steps: 1, batch_tokens: 256, max_tokens: 128}
`)
	if err := makeRecipe(path, 2); err != nil {
		t.Fatal(err)
	}
	read := func(pattern string) []data.Example {
		found, err := filepath.Glob(filepath.Join(filepath.Dir(path), "run", "steps", pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%d files %s, error %v", len(found), pattern, err)
		}
		examples, err := data.Load(found[0], data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return examples
	}
	written, validation, all := read("data-*/train.jsonl"), read("data-*/validation.jsonl"), read("synthesize-*/train.jsonl")
	made := all[len(written):]
	if len(made) < 5 {
		t.Fatalf("%d synthetic examples of 200 prompts", len(made))
	}
	t.Logf("%d synthetic examples, as %q", len(made), made[0].Input())
	if data.Digest(all[:len(written)]) != data.Digest(written) {
		t.Error("the examples of the data are not the first")
	}
	if n := len(data.Overlap(slices.Concat(written, validation), made)); n > 0 {
		t.Errorf("%d synthetic examples are in the data", n)
	}
	for _, e := range made {
		for _, s := range e.Slots {
			if !strings.Contains(data.Normalize(e.Input()), data.Normalize(s.Value)) {
				t.Errorf("%q: %s is %q", e.Input(), s.Name, s.Value)
			}
		}
	}
}

// The other ways to a student: random weights, live losses, the teacher as it
// is, and the shape by the number of parameters.
func TestWays(t *testing.T) {
	for name, text := range map[string]string{
		"scratch": "student: {from: scratch, layers: 1}\ntrain: {steps: 3, batch_tokens: 256, max_tokens: 128}\n",
		"live": "student: {layers: 2}\ndistill: {feature: 1, relation: 1, steps: 3, batch_tokens: 256, max_tokens: 128}\n" +
			"quantize: {size: 150kB}\n",
		"reverse":  "student: {params: 80k}\ndistill: {divergence: reverse, steps: 3, batch_tokens: 256, max_tokens: 128}\n",
		"adapters": "distill: {steps: 3, batch_tokens: 256, max_tokens: 128, lora: {rank: 4}}\n",
		"aware": "distill: {steps: 3, batch_tokens: 256, max_tokens: 128}\n" +
			"quantize: {format: q4_0, aware: true}\n",
		"quantized": "quantize: q8_0\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, license: MIT, labels: people}\n"+text)
			if err := makeRecipe(path, 1); err != nil {
				t.Fatal(err)
			}
			m, err := model.Open(filepath.Join(filepath.Dir(path), "run", "a.gguf"))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			checkOrigin(t, m, filepath.Dir(path), name)
		})
	}
}

// checkOrigin checks that a model says its name, and what was done to it and to
// what.
func checkOrigin(t *testing.T, m *model.Model, dir, way string) {
	t.Helper()
	if name := m.Meta.String("general.name", ""); name != "a" {
		t.Errorf("the model is called %q, want a, as the recipe", name)
	}
	history := m.Meta.Strings("limbeck.history")
	if len(history) == 0 {
		t.Fatal("the model has no history")
	}
	last := history[len(history)-1]
	wants := []string{"; from model ./teacher.gguf (sha256 " + sha(t, filepath.Join(dir, "teacher.gguf"))}
	if way != "quantized" && way != "aware" {
		wants = append(wants, "data train.jsonl (sha256 "+sha(t, filepath.Join(dir, "train.jsonl"))+"; license: MIT; labels: people)")
	}
	if way == "scratch" || way == "reverse" || way == "adapters" {
		wants = append(wants, " on 49 examples")
	}
	if made := ", rounded to q4_0 at every step"; way == "aware" && !strings.Contains(history[len(history)-2], made) {
		t.Errorf("the history lacks %q: %s", made, history)
	}
	for _, want := range wants {
		if !strings.Contains(last, want) {
			t.Errorf("the last line of the history lacks %q: %s", want, last)
		}
	}
}

// sha returns the first digits of a file's SHA-256.
func sha(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))[:12]
}
