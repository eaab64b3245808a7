package safetensors

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzFolder reads whole folders of two shards; what is taken can be written, and
// reads the same.
func FuzzFolder(f *testing.F) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", "tiny", name))
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	const shard1, shard2, shard3 = "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"
	config, index := read(configFile), read(indexFile)
	first, second, third := read(shard1), read(shard2), read(shard3)
	origin, card := []byte(`{"general.license": "mit", "limbeck.history": ["a", "b"], "general.base_model.count": 1}`), []byte("---\nlicense: mit\n---\n")
	f.Add(config, index, first, second, origin, card)
	f.Add(config, index, second, first, []byte(nil), card)
	f.Add(config, index, first[:len(first)/2], second, []byte(`{"llama.block_count": 1}`), []byte("---\nlicense:\n"))
	f.Add(config, []byte(`{"weight_map": {"model.norm.weight": "../config.json"}}`), first, second, []byte(`{"general.x": null}`), []byte(nil))
	f.Fuzz(func(t *testing.T, config, index, first, second, origin, card []byte) {
		dir := t.TempDir()
		for name, b := range map[string][]byte{configFile: config, indexFile: index, shard1: first, shard2: second, shard3: third, originFile: origin, cardFile: card} {
			if (name == originFile || name == cardFile) && len(b) == 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		folder, err := OpenFolder(dir)
		if err != nil {
			return
		}
		defer folder.Close()
		for _, x := range folder.Tensors() {
			x.Decode()
		}
		to := filepath.Join(dir, "again")
		if err := WriteFolder(to, folder.Keys(), folder.Tensors(), nil); err != nil {
			return // tensors may be of a shape that the architecture has not; model checks that
		}
		again, err := OpenFolder(to)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		defer again.Close()
		for key, v := range folder.Keys() {
			if isOrigin(key) && !sameOrigin(again.Keys()[key], v) {
				t.Errorf("%s was %v, is %v", key, v, again.Keys()[key])
			}
		}
		if len(again.Tensors()) != len(folder.Tensors()) {
			t.Errorf("%d tensors, were %d", len(again.Tensors()), len(folder.Tensors()))
		}
	})
}

func sameOrigin(a, b any) bool {
	x, ok := a.([]string)
	y, ok2 := b.([]string)
	if ok && ok2 {
		return slices.Equal(x, y)
	}
	return ok == ok2 && a == b
}

func TestCardLicense(t *testing.T) {
	for text, want := range map[string]string{
		"---\nlanguage: en\nlicense: apache-2.0\n---\n# x": "apache-2.0", "---\r\nlicense: \"mit\"\r\n---\r\n": "mit",
		"---\nlicense:\n- mit\n---\n": "", "---\nlicense: [mit, x]\n---\n": "", "license: mit": "", "---\nlicense: mit": "", "": "",
	} {
		if got := cardLicense(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
