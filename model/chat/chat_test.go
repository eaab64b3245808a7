package chat

import (
	"bytes"
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
	Messages            json.RawMessage
	Tools               json.RawMessage
	AddGenerationPrompt bool `json:"add_generation_prompt"`
	Extra               map[string]json.RawMessage
}

// render renders a case as render.py does. Templates of real models ask for more than
// [Input] has: for tools, for reasoning, for contents of several parts.
func (c *testCase) render(t testing.TB, tmpl *Template) (string, error) {
	in := Input{AddGenerationPrompt: c.AddGenerationPrompt, BOS: "<s>", EOS: "</s>", UNK: "<unk>"}
	vars := in.variables()
	vars["messages"] = decodeJSON(t, c.Messages)
	if c.Tools != nil {
		vars["tools"] = decodeJSON(t, c.Tools)
	}
	for name, v := range c.Extra {
		vars[name] = decodeJSON(t, v)
	}
	return tmpl.render(vars, time.Date(2026, 11, 3, 9, 5, 7, 0, time.UTC))
}

// decodeJSON makes a template's value of JSON. It keeps the order of keys.
func decodeJSON(t testing.TB, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := decodeValue(d)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func decodeValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		l := &list{}
		for d.More() {
			v, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			l.items = append(l.items, v)
		}
		_, err = d.Token()
		return l, err
	case json.Delim('{'):
		out := newDict()
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			out.set(key, v)
		}
		_, err = d.Token()
		return out, err
	}
	if n, ok := token.(json.Number); ok {
		if i, err := n.Int64(); err == nil {
			return i, nil
		}
		return n.Float64()
	}
	return token, nil
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
				got, err := c.render(t, tmpl)
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
