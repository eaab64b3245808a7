package chat

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testCase is one of testdata/cases.json.
type testCase struct {
	Name                string
	Messages            []map[string]json.RawMessage
	Tools               []json.RawMessage
	AddGenerationPrompt bool `json:"add_generation_prompt"`
	Extra               map[string]json.RawMessage
}

// input makes of a case what a program would pass.
func (c testCase) input(t testing.TB) Input {
	in := Input{
		AddGenerationPrompt: c.AddGenerationPrompt, BOS: "<s>", EOS: "</s>", UNK: "<unk>", Extra: map[string]any{},
		Now: time.Date(2026, 11, 3, 9, 5, 7, 0, time.UTC),
	}
	for _, fields := range c.Messages {
		in.Messages = append(in.Messages, message(t, fields))
	}
	for _, tool := range c.Tools {
		in.Tools = append(in.Tools, tool)
	}
	for name, v := range c.Extra {
		in.Extra[name] = v
	}
	return in
}

func message(t testing.TB, fields map[string]json.RawMessage) Message {
	m := Message{Fields: map[string]any{}}
	texts := map[string]*string{
		"role": &m.Role, "content": &m.Content, "name": &m.Name, "tool_call_id": &m.ToolCallID, "reasoning_content": &m.Reasoning,
	}
	for name, v := range fields {
		if name == "tool_calls" {
			var calls []struct {
				ID       string
				Function struct {
					Name      string
					Arguments json.RawMessage
				}
			}
			if err := json.Unmarshal(v, &calls); err != nil {
				t.Fatal(err)
			}
			for _, c := range calls {
				m.ToolCalls = append(m.ToolCalls, ToolCall{c.ID, c.Function.Name, c.Function.Arguments})
			}
		} else if field := texts[name]; field == nil || v[0] != '"' {
			m.Fields[name] = v
		} else if err := json.Unmarshal(v, field); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func readCases(t testing.TB) []testCase {
	t.Helper()
	var cases []testCase
	readJSON(t, "testdata/cases.json", &cases)
	return cases
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// TestGolden compares every template with Jinja's renderings of it. To compare
// other templates, set LIMBECK_TEMPLATES to a folder with golden.json in it.
func TestGolden(t *testing.T) {
	dir, goldenFile := "testdata/templates", "testdata/golden.json"
	if other := os.Getenv("LIMBECK_TEMPLATES"); other != "" {
		dir, goldenFile = other, filepath.Join(other, "golden.json")
	}
	var golden map[string]map[string]*string
	readJSON(t, goldenFile, &golden)
	files, err := filepath.Glob(filepath.Join(dir, "*.jinja"))
	if err != nil || len(files) != len(golden) {
		t.Fatalf("%d templates, %s has %d (error %v)", len(files), goldenFile, len(golden), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tmpl, err := Parse(string(source))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range readCases(t) {
				want, ok := golden[filepath.Base(file)][c.Name]
				if !ok {
					t.Errorf("%s: no golden rendering", c.Name)
				}
				got, err := tmpl.Render(c.input(t))
				switch {
				case err != nil && want != nil:
					t.Errorf("%s: %v", c.Name, err)
				case err == nil && want == nil:
					t.Errorf("%s: rendered, want an error: %q", c.Name, got)
				case err == nil && got != *want:
					t.Errorf("%s:\n got %s\nwant %s", c.Name, diff(got, *want), diff(*want, got))
				}
			}
		})
	}
}

// diff quotes what differs.
func diff(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-40)
	return strings.ToValidUTF8(strings.TrimSpace(quote(a[from:min(len(a), i+80)])), "?")
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
