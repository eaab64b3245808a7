package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"limbeck/internal/machine"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/gguf"
)

// TestModelScripts runs the command lines of testdata/model, beside models so small
// that they write nonsense: tiny.gguf, wide.gguf, the same for longer texts,
// other.gguf, held.gguf whose replies are held to slots, plain.gguf without a template,
// few.gguf without a token for z, cut.gguf that ends too early, huge.gguf whose weights
// are too large to compute with, nan.gguf of which one is none, alien.gguf of an
// unknown architecture, calls.gguf whose template calls what is not there, unread.gguf
// whose template is none, and steers.gguf, which says control characters; long.txt, a
// text, and noise.bin, the same with a byte that is none of a text.
func TestModelScripts(t *testing.T) {
	models := t.TempDir()
	writeModels(t, models)
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/model",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"waitfor": waitFor},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("BAD", "a\xff b")
			return os.CopyFS(e.WorkDir, os.DirFS(models))
		},
		Condition: roomy,
	})
}

// roomy is the condition that so much memory is free that a limit reads all that it asks for.
func roomy(condition string) (bool, error) {
	if condition != "roomy" {
		return false, fmt.Errorf("no condition %q", condition)
	}
	const free = 8 * machine.BeyondCaches
	n, ok := machine.AvailableMemory()
	return !ok || n >= free, nil
}

func writeModels(t *testing.T, dir string) {
	t.Helper()
	path := func(name string) string { return filepath.Join(dir, name) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(testkit.Model(2).Save(path("other.gguf")))
	held := testkit.Model(1)
	held.SetExtractive(true)
	check(held.Save(path("held.gguf")))
	m := testkit.Model(1)
	m.Meta.Set("general.name", "Tiny")
	m.Meta.Set("general.license", "mit")
	m.Meta.Set("limbeck.teacher", "made up")
	m.Meta.Set("limbeck.history", []string{"drawn at random", "never trained"})
	check(m.Save(path("tiny.gguf")))
	text := strings.Repeat("the cat sat on the mat. ", 200)
	check(os.WriteFile(path("long.txt"), []byte(text), 0o666))
	check(os.WriteFile(path("noise.bin"), []byte(text[:700]+"\xff"+text[700:]), 0o666))
	whole, err := os.ReadFile(path("tiny.gguf"))
	check(err)
	check(os.WriteFile(path("cut.gguf"), whole[:len(whole)-100], 0o666))
	huge := testkit.Model(1)
	for _, w := range huge.Weights() {
		if w.Name == "output_norm.weight" {
			for i := range w.F32() {
				w.F32()[i] = 3e38
			}
		}
	}
	check(huge.Save(path("huge.gguf")))
	huge.Weights()[0].F32()[70] = float32(math.NaN())
	huge.Meta.Set("limbeck.loss", math.NaN())
	check(huge.Save(path("nan.gguf")))
	meta, tensors := m.GGUF()
	meta.Set("llama.context_length", uint32(512))
	check(gguf.Write(path("wide.gguf"), &meta, tensors))
	meta, tensors = m.GGUF()
	tokens := m.Tokenizer.Spec().Tokens
	tokens[slices.Index(tokens, "z")] = "unwritten"
	meta.Set("tokenizer.ggml.tokens", tokens)
	check(gguf.Write(path("few.gguf"), &meta, tensors))
	meta, tensors = testkit.Model(1).GGUF()
	meta.Set("general.architecture", "alien")
	check(gguf.Write(path("alien.gguf"), &meta, tensors))
	meta, tensors = testkit.Model(1).GGUF()
	meta.Set("tokenizer.chat_template", "{% if %}")
	check(gguf.Write(path("unread.gguf"), &meta, tensors))
	check(m.SetTemplate("a\n{{ messages[0]['content'].foo() }}"))
	check(m.Save(path("calls.gguf")))
	check(m.SetTemplate(""))
	check(m.Save(path("plain.gguf")))
	check(m.SetTemplate("{{ raise_exception('no \x1b[31mred') }}"))
	m.Meta.Set("general.license", "\x1b]0;theirs\a")
	check(m.Save(path("steers.gguf")))
}

// Exit codes tell apart what scripts can only call a failure.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	writeModels(t, dir)
	tiny := filepath.Join(dir, "tiny.gguf")
	for want, args := range map[int][]string{
		exitOK:     {"run", tiny, "x", "--max-tokens", "4", "--min-confidence", "1e-30"},
		exitFailed: {"run", filepath.Join(dir, "cut.gguf"), "x"},
		exitUsage:  {"run", tiny, "x", "--top-p", "2"},
		exitUnsure: {"run", tiny, "x", "--max-tokens", "4", "--min-confidence", "0.999"},
	} {
		var out, errs bytes.Buffer
		if got := execute(args, strings.NewReader(""), &out, &errs); got != want {
			t.Errorf("%v: exit code %d, want %d: %s", args[2:], got, want, &errs)
		}
	}
}

// What a file has around its text is no part of a prompt, unless that is raw.
func TestPipedPrompt(t *testing.T) {
	for text, want := range map[string][2]string{
		"on":               {"on", "on"},
		"\uFEFFon\r\n":     {"on", "\uFEFFon\r\n"},
		"on\n\n":           {"on\n", "on\n\n"},
		"\uFEFF\uFEFFon\n": {"\uFEFFon", "\uFEFF\uFEFFon\n"},
		"\uFEFF":           {"", "\uFEFF"},
	} {
		for i, raw := range []bool{false, true} {
			got, err := newApp(strings.NewReader(text), nil, nil).prompt(t.Context(), []string{"m"}, raw)
			if got != want[i] || (err == nil) != (want[i] != "") {
				t.Errorf("%q, raw %v: %q, %v, want %q", text, raw, got, err, want[i])
			}
		}
	}
}

// Who asks again, and gives no seed, gets another reply; the seed that is told gives it
// once more. Zero is a seed like any other.
func TestSeedsAreDrawn(t *testing.T) {
	dir := t.TempDir()
	writeModels(t, dir)
	reply := func(args ...string) (text string, seed uint64) {
		t.Helper()
		var out, errs bytes.Buffer
		args = append([]string{"run", filepath.Join(dir, "plain.gguf"), "the cat", "--raw", "--max-tokens", "16", "--temperature", "1", "--json"}, args...)
		if code := execute(args, strings.NewReader(""), &out, &errs); code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, &errs)
		}
		var r replyJSON
		if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Seed == nil {
			t.Fatalf("%v, or no seed: %s", err, &out)
		}
		return r.Reply, *r.Seed
	}
	a, first := reply()
	b, second := reply()
	if a == b || first == second {
		t.Errorf("seeds %d and %d gave %q and %q, want two of each", first, second, a, b)
	}
	if again, _ := reply("--seed", strconv.FormatUint(first, 10)); again != a {
		t.Errorf("seed %d gave %q, then %q", first, a, again)
	}
	if a, seed := reply("--seed", "0"); seed != 0 {
		t.Errorf("seed 0 became %d", seed)
	} else if b, _ := reply("--seed", "0"); a != b {
		t.Errorf("seed 0 gave %q and %q", a, b)
	}
}

// Models that are compared do the same works, whatever each reads at once.
func TestBenchWorksAreAlike(t *testing.T) {
	dir := t.TempDir()
	writeModels(t, dir)
	m := testkit.Model(1)
	c := m.Config()
	c.FFN, c.Layers = 17000, 1
	broad, err := model.New(c, testkit.Random{Rand: rand.New(rand.NewPCG(1, 2))}, m.Tokenizer.Spec(), "")
	if err != nil {
		t.Fatal(err)
	}
	refs := []string{filepath.Join(dir, "tiny.gguf"), filepath.Join(dir, "broad.gguf")}
	if err := broad.Save(refs[1]); err != nil {
		t.Fatal(err)
	}
	f := benchFlags{lengths: []int{8}, depths: []int{0}, parallel: []int{16}}
	f.given = func(string) bool { return false }
	jobs, err := f.jobs(newApp(nil, nil, io.Discard), refs)
	if err != nil || len(jobs) != 2 || len(jobs[0].Works) != 3 || !slices.Equal(jobs[0].Works, jobs[1].Works) {
		t.Errorf("%v: %+v, want 3 works, for both the same", err, jobs)
	}
}

// What is typed in a chat and is no text is told of, and forgotten; an empty line
// just asks again; a reply that is cut is said to be.
func TestChatRefusesBytes(t *testing.T) {
	dir := t.TempDir()
	writeModels(t, dir)
	var out, errs bytes.Buffer
	a := newApp(nil, &out, &errs)
	f := &runFlags{}
	f.MaxTokens = 2
	e, err := f.open(a, filepath.Join(dir, "few.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	c := &conversation{app: a, f: f, e: e, s: e.NewSession(0)}
	for line, want := range map[string]string{
		"on\xff": "message: the byte at offset 2 is 0xff, which is not UTF-8",
		"":       "",
		"zoo":    "1 byte of the text has no token in this vocabulary and is left out\n",
	} {
		c.messages = nil
		errs.Reset()
		if more, err := c.take(t.Context(), line); !more || err != nil || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: more %v, %v, said %q, want %q", line, more, err, &errs, want)
		}
		answered := len(c.messages) > 0
		if answered != (line != "" && utf8.ValidString(line)) {
			t.Errorf("%q: answered %v", line, answered)
		}
		if cut := strings.Contains(errs.String(), "the reply is cut at 2 tokens, as --max-tokens says"); cut != answered {
			t.Errorf("%q: told of a cut %v: %s", line, cut, &errs)
		}
	}
}
