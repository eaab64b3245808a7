package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a recipe names is found from its folder, wherever that is.
func TestFromFolder(t *testing.T) {
	top := t.TempDir()
	here := filepath.Join(top, "here")
	if err := os.Mkdir(here, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	away := filepath.Join(top, "a", "b")
	for _, c := range []struct{ dir, path, want string }{
		{".", "log.jsonl", "log.jsonl"},
		{"r", "log.jsonl", "../log.jsonl"},
		{".", "data/*.csv#train", "data/*.csv#train"},
		{"../a", "log.jsonl", "../here/log.jsonl"},
		{away, "log.jsonl", "../../here/log.jsonl"},
		{here, "log.jsonl", "log.jsonl"},
		{".", away, away},
		{away, filepath.Join(away, "t.gguf"), filepath.Join(away, "t.gguf")},
	} {
		if got := fromFolder(c.dir, c.path); got != c.want {
			t.Errorf("%s from %s is %s, want %s", c.path, c.dir, got, c.want)
		}
	}
}

// What files of any task are called is no name for a recipe: the runs of two tasks would
// share a folder.
func TestNameOfData(t *testing.T) {
	mail := filepath.Join(t.TempDir(), "My Mail", "data")
	if err := os.MkdirAll(mail, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir(mail)
	for path, want := range map[string]string{
		"log.jsonl":                       "log",
		"Log 2.jsonl":                     "log-2",
		"train.jsonl":                     "my-mail",
		"Train.jsonl":                     "my-mail",
		"train*.csv":                      "my-mail",
		"*.csv":                           "my-mail",
		".":                               "my-mail",
		"data.json#train":                 "my-mail",
		"../train.jsonl":                  "my-mail",
		"../calls/test.csv":               "calls",
		"../calls":                        "calls",
		"trains.csv":                      "trains",
		filepath.Join(mail, "dev.tsv"):    "my-mail",
		filepath.Join(mail, "../log.tsv"): "log",
	} {
		if got := nameOfData(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if root := filepath.VolumeName(mail) + string(filepath.Separator); nameOfData(root+"train.csv") != "train" {
		t.Errorf("where no folder has a name: %q, want train", nameOfData(root+"train.csv"))
	}
	if got := nameOf("日本.gguf"); got != "student" {
		t.Errorf("a file's name of other letters: %q, want student", got)
	}
}

// What init tells of the data's parts is a line of 80 columns, or a line each.
func TestInitTellsParts(t *testing.T) {
	long := strings.Repeat("long/", 10) + "data.json"
	for name, c := range map[string]struct {
		r    initResult
		want string
	}{
		"short": {initResult{Train: "a.jsonl", Validation: "10%"}, "train a.jsonl, validation 10%, test none\n"},
		"long":  {initResult{Train: long + "#train", Validation: "10%", Test: long + "#test"}, "train " + long + "#train\nvalidation 10%\ntest " + long + "#test\n"},
	} {
		var out strings.Builder
		if c.r.write(&out); !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: got %q, want %q", name, out.String(), c.want)
		}
	}
}
