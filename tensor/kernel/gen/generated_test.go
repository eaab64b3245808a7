package gen

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestGeneratedFilesAreCurrent runs each generator and compares what it writes
// with what is committed; only the first line, the command, may differ.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	commands := generators(t)
	if len(commands) == 0 {
		t.Fatal("no command was found that generates assembly")
	}
	for command, file := range commands {
		dir := t.TempDir()
		asm, stubs := file+"_amd64.s", file+"_stubs_amd64.go"
		cmd := exec.Command("go", "run", command, "-pkg", "kernel",
			"-out", filepath.Join(dir, asm), "-stubs", filepath.Join(dir, stubs))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		for _, name := range []string{asm, stubs} {
			want, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(afterFirstLine(got), afterFirstLine(want)) {
				t.Errorf("%s is not what its generator writes: run go generate in tensor/kernel", name)
			}
		}
	}
}

// generators returns the programs that package kernel's comments run, and what each writes,
// without its ending.
func generators(t *testing.T) map[string]string {
	line := regexp.MustCompile(`(?m)^//go:generate .*go run (\./\w+) -out \.\./(\w+)_amd64\.s -stubs \.\./(\w+)_stubs_amd64\.go `)
	sources, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all := line.FindAllStringSubmatch(string(text), -1)
		if n := bytes.Count(text, []byte("//go:generate")); n != len(all) {
			t.Errorf("%s: of %d commands, %d are known to write assembly and stubs", name, n, len(all))
		}
		for _, m := range all {
			found[m[1]] = m[2]
		}
	}
	return found
}

func afterFirstLine(b []byte) []byte {
	_, rest, _ := bytes.Cut(b, []byte("\n"))
	return rest
}
