package builtin

import (
	"io/fs"
	"strings"
	"testing"
)

func TestBuiltins(t *testing.T) {
	for _, name := range names() {
		model, err := Model(name)
		if err != nil || !strings.HasPrefix(string(model[:4]), "GGUF") {
			t.Errorf("%s: no GGUF file: %v", name, err)
		}
		if max := 12_000_000; len(model) > max {
			t.Errorf("%s: a teacher of %d bytes, want at most %d", name, len(model), max)
		}
		files, err := Files(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"train.jsonl", "test.jsonl", "demo.yaml", "recorded.json", "NOTICE.md"} {
			if b, err := fs.ReadFile(files, file); err != nil || len(b) == 0 {
				t.Errorf("%s: %s: %d bytes, %v", name, file, len(b), err)
			}
		}
	}
	if _, err := Model("teapot"); err == nil || !strings.Contains(err.Error(), HomeAssistant) {
		t.Errorf("an unknown name: %v, want an error that lists what is known", err)
	}
}
