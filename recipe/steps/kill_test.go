package steps_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"limbeck/eval/bench"
	"limbeck/eval/report"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
)

// The test binary makes a recipe in a process of its own, which can be killed.
const (
	makeEnv    = "LIMBECK_TEST_MAKE"
	threadsEnv = "LIMBECK_TEST_THREADS"
)

// makeAlone makes a recipe, says which step begins and which has ended, and ends
// the process; or it times a model for such a process.
func makeAlone(path string) {
	bench.Child(steps.Open)
	steps.CheckpointAlways()
	steps.SetParts(8, 300)
	steps.SetRates(1e11) // measuring takes longer than any step
	threads, _ := strconv.Atoi(os.Getenv(threadsEnv))
	err := makeWith(path, run.Options{
		Threads:  threads,
		Started:  func(s *run.Planned, _, _ int, _ time.Duration, _ bool) { fmt.Println(began, s.Name) },
		Finished: func(s *run.Planned, _ time.Duration) { fmt.Println(ended, s.Name) },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const began, ended = "began", "ended"

// chain has steps of every kind.
const chain = `name: tiny
teacher:
  - {from: ./teacher.gguf}
  - {train: {steps: 12, lr: [1e-3, 3e-3], batch_tokens: 256, max_tokens: 128, eval_every: 4}}
data: {train: train.jsonl, validation: 20%, augment: {exchange_slots: 1, invent_values: 0.5}}
synthesize: {prompts: 20, min_confidence: 0, lr: 3e-3, steps: 8, batch_tokens: 256, max_tokens: 32, eval_every: 4}
student: {layers: 2, ffn: 50%, heads: 2, kv_heads: 1, vocab: 270}
train: {steps: 8, batch_tokens: 256, max_tokens: 128, eval_every: 4}
distill: {cache: topk, topk: 8, steps: 16, batch_tokens: 256, max_tokens: 128, eval_every: 5}
quantize: {format: q4_0}
compare: {baselines: [classical, round-to-nearest, untouched], rounds: 2, prompts: 2, examples: 3, resamples: 100}
`

// A maker is a process that makes a recipe.
type maker struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	errors bytes.Buffer
}

func start(t *testing.T, path string, threads int) *maker {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{cmd: exec.Command(exe)}
	m.cmd.Env = append(os.Environ(), makeEnv+"="+path, threadsEnv+"="+strconv.Itoa(threads))
	m.cmd.Stderr = &m.errors
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.lines = bufio.NewScanner(out)
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return m
}

// says returns the next step that begins, or has ended; "" when the process is
// gone.
func (m *maker) says() (what, step string) {
	if !m.lines.Scan() {
		return "", ""
	}
	what, step, _ = strings.Cut(m.lines.Text(), " ")
	return what, step
}

// wait tells whether the process came to its end; else it was killed.
func (m *maker) wait(t *testing.T) bool {
	t.Helper()
	for m.lines.Scan() {
	}
	err := m.cmd.Wait()
	if err != nil && m.cmd.ProcessState.Exited() {
		t.Fatalf("%v: %s", err, &m.errors)
	}
	return err == nil
}

func (m *maker) kill() { _ = m.cmd.Process.Kill() }

// undisturbed makes a recipe and returns what each step took.
func undisturbed(t *testing.T, path string, threads int) map[string]time.Duration {
	t.Helper()
	m := start(t, path, threads)
	took := map[string]time.Duration{}
	at := time.Now()
	for what, step := m.says(); what != ""; what, step = m.says() {
		if what == ended {
			took[step] = time.Since(at)
		}
		at = time.Now()
	}
	if !m.wait(t) {
		t.Fatal("the undisturbed run was killed")
	}
	return took
}

// A hunter kills processes that make a recipe at a random moment in each step.
type hunter struct {
	path   string
	random *rand.Rand
	within map[string]time.Duration // how soon after its beginning a step is killed
	output map[string]string        // a step's folder
	killed map[string]bool
}

// attempt starts a process and kills it in the first step that was not killed yet.
// It tells whether the process came to its end.
func (h *hunter) attempt(t *testing.T) bool {
	t.Helper()
	m := start(t, h.path, 2)
	what, step := m.says()
	for ; what == ended || what == began && h.killed[step]; what, step = m.says() {
	}
	if what == "" {
		return m.wait(t)
	}
	timer := time.AfterFunc(time.Duration(h.random.Int64N(int64(h.within[step]))), m.kill)
	m.says() // the step has ended, or the process
	timer.Stop()
	m.kill()
	m.wait(t)
	output := h.output[step]
	switch {
	case exists(output): // it was faster than before: once more, killed sooner
		h.within[step] = h.within[step]/2 + 1
		for later, output := range h.output { // as far as the process came
			if h.killed[later] {
				continue
			}
			if err := os.RemoveAll(output); err != nil {
				t.Fatal(err)
			}
		}
	case exists(output + ".tmp"):
		h.killed[step] = true
	}
	return false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Killed at a random moment in each step and started again, a run ends in the
// bytes of an undisturbed one, but for what its report has measured; one on another
// number of threads does too.
func TestKilledInEachStep(t *testing.T) {
	runs, seed := 5, uint64(time.Now().UnixNano())
	if testing.Short() {
		runs = 1
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	calm, twin := workshop(t, chain), workshop(t, chain)
	undisturbed(t, calm, 1)
	want := outputs(t, calm)
	took := undisturbed(t, twin, 2)
	same(t, "two threads", outputs(t, twin), want)

	for range runs {
		path := workshop(t, chain)
		h := hunter{path, random, maps.Clone(took), folders(t, path), map[string]bool{}}
		processes := 1
		for ; !h.attempt(t); processes++ {
			if processes > 200 {
				t.Fatalf("the run does not come to its end; it was killed in %v", h.killed)
			}
		}
		t.Logf("%d processes", processes)
		for step := range h.output {
			if !h.killed[step] {
				t.Errorf("never killed in step %s", step)
			}
		}
		same(t, "killed", outputs(t, path), want)
	}
}

// folders returns where a recipe's steps leave their outputs, by their names. There
// must be a step of every section.
func folders(t *testing.T, path string) map[string]string {
	t.Helper()
	_, made, folder, err := compiled(path)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := folder.Plan(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	var kinds []string
	for _, s := range plan.Steps {
		out[s.Name] = folder.StepDir(s.Kind, s.Key)
		kinds = append(kinds, s.Kind)
	}
	for _, section := range append(slices.Clone(recipe.Sections), "compare") {
		if !slices.Contains(kinds, section) {
			t.Errorf("the recipe has no step of kind %s", section)
		}
	}
	return out
}

// outputs returns what a finished run leaves that must not depend on how it went,
// by its path: files, and the report without its times. The manifest that has the
// digest of the report with them is left out; what else it says is in the lineage.
func outputs(t *testing.T, path string) map[string]string {
	t.Helper()
	dir := filepath.Join(filepath.Dir(path), "run")
	files := map[string]string{}
	for _, pattern := range []string{"*.gguf", run.LineageFile, "steps/*/*.gguf", "steps/*/*.json", "steps/*/*.jsonl", "steps/*/*.gob", "steps/*/*.txt"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			name, _ := filepath.Rel(dir, f)
			files[name] = read(t, f)
		}
	}
	for name := range files {
		if filepath.Base(name) == steps.ReportFile {
			in := filepath.Dir(name)
			delete(files, filepath.Join(in, "step.json"))
			files[name], files[filepath.Join(in, steps.PageFile)] = untimed(t, filepath.Join(dir, in))
		}
	}
	return files
}

// untimed returns the report in a folder without what it has measured, which must
// be there, as JSON and as a page. On a page, words and scales depend on times too:
// so the page must be the one that shows report.json, and is drawn anew without
// them.
func untimed(t *testing.T, dir string) (text, page string) {
	t.Helper()
	r, err := report.ReadJSON(strings.NewReader(read(t, filepath.Join(dir, steps.ReportFile))))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Models {
		if s := m.Speed; s.Rounds != 2 || len(s.Latencies) != 4 || s.Requests.Median.Or(0) <= 0 || m.Cost.PerThousand.Or(0) <= 0 {
			t.Errorf("%s: speed %+v and cost %+v, want those of 2 rounds of 2 requests", m.Name, s, m.Cost)
		}
	}
	written := read(t, filepath.Join(dir, steps.PageFile))
	if drawn(t, r.WriteHTML) != written {
		t.Errorf("%s is not what %s looks like", steps.PageFile, steps.ReportFile)
	}
	if !strings.Contains(written, `<section id="times">`) {
		t.Errorf("%s shows no reply times", steps.PageFile)
	}
	r = r.Untimed()
	text, page = drawn(t, r.WriteJSON), drawn(t, r.WriteHTML)
	if text != read(t, filepath.Join(dir, steps.QualityFile)) {
		t.Errorf("%s is not %s without times", steps.QualityFile, steps.ReportFile)
	}
	return text, page
}

func drawn(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
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
