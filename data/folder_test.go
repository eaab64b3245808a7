package data

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindInFolder(t *testing.T) {
	for _, c := range []struct{ files, train, validation, test, err string }{
		{"train_a.json train_b.json validate_a.json", "train*.json", "val*.json", "", ""},
		{"train.jsonl dev.jsonl test.jsonl README.md", "train*.jsonl", "dev*.jsonl", "test*.jsonl", ""},
		{"a.csv b.csv", "*.csv", "", "", ""},
		{"a.csv b.json c.json", "", "", "", "files of 2 formats, want one; name a file or a pattern such as DIR/*.json"},
		{"README.md", "", "", "", "holds no file of a known format; known are: .jsonl, .ndjson, .json, .csv, .tsv, .txt"},
		{"", "", "", "", "holds no file of a known format"},
		{"train.tsv other.tsv", "", "", "", "names of only 1 of 2 files say"},
		{"one.json notes.md", "one.json", "", "", ""},
		{"test.tsv val.tsv", "", "", "", "by their names all files are for validation or test, want one for training, as train.tsv"},
		{"test.tsv", "", "", "", "by their names all files are for validation or test"},
	} {
		dir := t.TempDir()
		for _, name := range strings.Fields(c.files) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		in := func(pattern string) string {
			if pattern == "" {
				return ""
			}
			return filepath.Join(dir, pattern)
		}
		got, err := Find(dir, "")
		if c.err != "" {
			if want := strings.Replace(c.err, "DIR/", dir+string(filepath.Separator), 1); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %s", c.files, err, want)
			}
			continue
		}
		if want := (Files{in(c.train), in(c.validation), in(c.test)}); err != nil || got != want {
			t.Errorf("%s: %v, error %v; want %v", c.files, got, err, want)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.json"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, Options{}); err == nil || !strings.HasSuffix(err.Error(), filepath.Join(dir, "*.json")) {
		t.Errorf("a folder: error %v, want a pattern that it has files for", err)
	}
}

// A folder whose name holds a pattern's signs is taken literally.
func TestFindInFolderOfSigns(t *testing.T) {
	parent := t.TempDir()
	for name, text := range map[string]string{
		"runs[1]/train.jsonl": `{"text": "mine"}`, "runs[1]/test.jsonl": `{"text": "mine"}`, "runs1/train.jsonl": `{"text": "another's"}`,
	} {
		path := filepath.Join(parent, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Find(filepath.Join(parent, "runs[1]"), "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := Load(found.Train, Options{})
	if err != nil || len(all) != 1 || all[0].Text != "mine" {
		t.Errorf("%s: %v, %v", found.Train, all, err)
	}
}

// A file's parts are found however it is named: by itself, as its part for
// training, or by the folder that holds nothing else to read.
func TestFindParts(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "all.json")
	if err := os.WriteFile(path, []byte(`{"train": [["x", "a"]], "val": [["y", "a"]], "test": [["z", "a"]]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	parts := Files{path + "#train", path + "#val", path + "#test"}
	for ref, want := range map[string]Files{
		dir: parts, path: parts, path + "#train": parts,
		path + "#val": {Train: path + "#val"},
		path + "x":    {Train: path + "x"},
	} {
		if got, err := Find(ref, ""); err != nil || got != want {
			t.Errorf("%s: %v, error %v; want %v", ref, got, err, want)
		}
	}
}

func TestParts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	if err := os.WriteFile(path, []byte(`{"train": [["x", "a"]], "val": [["y", "a"]]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"#val", "#validation"} {
		if got, err := Load(path+part, Options{}); err != nil || len(got) != 1 || got[0].Input() != "y" {
			t.Errorf("%s: %v, error %v", part, got, err)
		}
	}
	for part, want := range map[string]string{
		"#foo":  `c.json: no part "foo"; there are train, validation`,
		"#test": `c.json: no part "test"; there are train, validation`,
	} {
		if _, err := Load(path+part, Options{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", part, err, want)
		}
	}
	odd := path + "#odd.json"
	if err := os.WriteFile(odd, []byte(`[{"text": "z"}]`), 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(odd, Options{}); err != nil || len(got) != 1 {
		t.Errorf("a # in a file's name: %v, error %v", got, err)
	}
	if _, err := Load(odd+"#train", Options{}); err == nil {
		t.Error("a part of rows that have none: no error")
	}
}
