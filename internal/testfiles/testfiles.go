// Package testfiles finds the models and data that tests compare with. Most are not the
// repository's; CONTRIBUTING.md says what they are. A test that misses one skips, and
// tells where it looked.
package testfiles

import (
	"os"
	"path/filepath"
	"testing"
)

// Models that tests read, by the names of their files.
const (
	SmolLM2 = "smollm2-135m-instruct-q4_1.gguf"
	GPT2    = "ggml-vocab-gpt-2.gguf" // its vocabulary
)

// Model returns the path of a model's file: in the folder that LIMBECK_TEST_MODELS
// names, or in .cache/limbeck-test-models in the user's home.
func Model(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("LIMBECK_TEST_MODELS")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Skip("no home directory, and LIMBECK_TEST_MODELS is not set")
		}
		dir = filepath.Join(home, ".cache", "limbeck-test-models")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs %s (LIMBECK_TEST_MODELS names another folder)", path)
	}
	return path
}

// Data returns the path of a file, or a pattern that fits some: of the data that the
// program carries, or in shared/data beside the module's folder.
func Data(t testing.TB, name string) string {
	t.Helper()
	path := ""
	for _, dir := range []string{"store/builtin", "../shared/data"} {
		path = filepath.Join(Root(t), filepath.FromSlash(dir), filepath.FromSlash(name))
		if found, err := filepath.Glob(path); err == nil && len(found) > 0 {
			return path
		}
	}
	t.Skipf("needs %s", path)
	return ""
}

// Root returns the module's folder: the nearest one above with a go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above")
		}
		dir = filepath.Dir(dir)
	}
}
