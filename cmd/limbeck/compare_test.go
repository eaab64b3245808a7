package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/recipe/run"
)

// A comparison into a folder that another process works in stops before it touches
// what that one goes on from.
func TestCompareInUse(t *testing.T) {
	dir := t.TempDir()
	writeModels(t, dir)
	rows, proof := filepath.Join(dir, "rows.jsonl"), filepath.Join(dir, "proof")
	kept := filepath.Join(proof, workFolder, "kept")
	if err := os.WriteFile(rows, []byte(`{"text": "on", "label": "a"}`+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	release, err := run.Claim(proof)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(kept, 0o777); err != nil {
		t.Fatal(err)
	}
	args := []string{"compare", filepath.Join(dir, "tiny.gguf"), filepath.Join(dir, "other.gguf"), "--data", rows, "--no-speed", "--out", proof}
	var out, errs bytes.Buffer
	if code := execute(args, strings.NewReader(""), &out, &errs); code != exitFailed || !strings.Contains(errs.String(), "proof is in use by process ") {
		t.Errorf("exit code %d, said %s", code, &errs)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("what the other process keeps: %v", err)
	}
	release()
	if code := execute(args, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Errorf("once it is free: exit code %d, said %s", code, &errs)
	}
}

// What names no task and no metric, and numbers that no recipe could have, are mistakes of
// usage, told before anything is looked at.
func TestCompareUsage(t *testing.T) {
	for args, want := range map[string]string{
		"--task foo":                      `task "foo" is not known; known are: auto, choice, `,
		"--metric exact_match,slot_f2":    `metric "slot_f2" is not known; did you mean "slot_f1"?; known are: `,
		"--metric foo --rounds 2":         `metric "foo" is not known; known are: `,
		"--resamples 1000000000000000000": "--resamples is 1000000000000000000, want 100 to 1000000",
		"--resamples 99":                  "--resamples is 99, want 100 to 1000000",
		"--rounds 101":                    "--rounds is 101, want 1 to 100",
		"--rounds 0":                      "--rounds is 0, want 1 to 100",
		"--prompts 100001":                "--prompts is 100001, want 1 to 100000",
		"--examples 1001":                 "--examples is 1001, want 0 to 1000",
		"--examples -1":                   "--examples is -1, want 0 to 1000",
		"--limit -1":                      "--limit is -1, want 0 or more",
	} {
		var out, errs bytes.Buffer
		all := append([]string{"compare", "a.gguf", "b.gguf", "--data", "none.jsonl", "--no-speed"}, strings.Fields(args)...)
		code := execute(all, strings.NewReader(""), &out, &errs)
		const hint = "\nlimbeck compare --help tells more.\n"
		if said := errs.String(); code != exitUsage || !strings.HasPrefix(said, "limbeck: "+want) || !strings.HasSuffix(said, hint) || strings.Count(said, "\n") != 2 {
			t.Errorf("%s: exit code %d, said %q, want code %d and %q", args, code, said, exitUsage, want)
		}
	}
}

// Names are short, and tell models apart.
func TestModelNames(t *testing.T) {
	for refs, want := range map[string]string{
		"a/m.gguf b/n.gguf":        "m n",
		"a/m.gguf b/m.gguf":        "a/m b/m",
		"m.gguf m":                 "m.gguf m",
		"m x/m.gguf":               "m m.gguf",
		"x/m.gguf y/m.gguf y/m":    "x/m y/m.gguf m",
		"m.gguf a/m.gguf":          "m.gguf a/m",
		"builtin:tiny ./tiny.gguf": "builtin:tiny tiny",
		"x/classical.gguf m.gguf":  "classical.gguf m",
	} {
		all := strings.Fields(refs)
		var names []string
		for _, ref := range all {
			names = append(names, modelName(ref, all))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", refs, got, want)
		}
	}
}
