package run

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzFolder plans in a folder whose files someone else wrote.
func FuzzFolder(f *testing.F) {
	s := &Step{Kind: "x", Name: "x", Settings: map[string]any{"a": map[string]int{"b": 1}}}
	p, err := Open("nowhere", "m").Plan(f.Context(), []*Step{s})
	if err != nil {
		f.Fatal(err)
	}
	key := p.Steps[0].Key
	f.Add([]byte(`{"key":"`+key+`","files":[{"path":"../x","size":1}]}`), []byte(`{"steps":[{"name":"x","settings":{"a":[1]}},null]}`), []byte(`{}`))
	f.Add([]byte(`{"key":"`+key+`","files":null}`), []byte(`{"steps":[{"name":"x","settings":{"a":{"b":null}}}]}`), []byte(`null`))
	f.Add([]byte(`[`), []byte(`0`), []byte(`{"a":{"size":-1}}`))
	f.Fuzz(func(t *testing.T, manifest, lineage, digests []byte) {
		dir := t.TempDir()
		folder := Open(dir, "m")
		out := folder.StepDir("x", key)
		if err := os.MkdirAll(out, 0o777); err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string][]byte{
			filepath.Join(out, manifestFile): manifest, filepath.Join(dir, LineageFile): lineage, filepath.Join(dir, digestsFile): digests,
		} {
			if err := os.WriteFile(path, text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		p, err := Open(dir, "m").Plan(t.Context(), []*Step{s})
		if err != nil {
			t.Fatal(err)
		}
		if p.Steps[0].Done && len(p.Steps[0].output.Files) > 0 {
			t.Error("an output without files counts as done")
		}
	})
}
