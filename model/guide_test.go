package model_test

import (
	"path/filepath"
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/chat"
)

// A file says what its model's replies are held to, as GGUF and as a folder; whatever it
// says is known, or an error.
func TestGuide(t *testing.T) {
	messages := []chat.Message{{Role: "system", Content: "be brief"}, {Role: "user", Content: "wake me at six"}}
	m := testkit.Model(1)
	if g := m.Guide(messages); g != nil {
		t.Fatalf("a model that no file says it of has guide %v", g)
	}
	m.SetExtractive(true)
	file, folder := filepath.Join(t.TempDir(), "m.gguf"), filepath.Join(t.TempDir(), "m")
	if err := m.Save(file); err != nil {
		t.Fatal(err)
	}
	if err := m.SaveFolder(folder); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder} {
		g := open(t, path).Guide(messages)
		if g == nil {
			t.Fatalf("%s: no guide", path)
		}
		for text, want := range map[string]bool{`{"intent": "a", "b": "six`: true, `{"intent": "a", "b": "brief`: true, `{"intent": "a", "b": "sev`: false} {
			if g.Start(); g.Allows([]byte(text)) != want {
				t.Errorf("%s: %q is allowed: %v, want %v", path, text, !want, want)
			}
		}
	}
	if g := m.Guide([]chat.Message{{Role: "user", Content: strings.Repeat("six ", 1<<14+1)}}); g != nil {
		t.Error("a prompt of more than 64 kB has a guide")
	}
	m.SetExtractive(false)
	if g := m.Guide(messages); g != nil {
		t.Errorf("freed, it has guide %v", g)
	}
	m.Meta.Set(model.RepliesKey, "rhymed")
	if err := m.Save(file); err != nil {
		t.Fatal(err)
	}
	if _, err := model.Open(file); err == nil || !strings.Contains(err.Error(), `limbeck.replies is "rhymed"; this build knows "extractive"`) {
		t.Errorf("unknown: %v", err)
	}
}
