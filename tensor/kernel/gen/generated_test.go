package gen

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGeneratedFilesAreCurrent runs each generator and compares what it writes
// with what is committed; only the first line, the command, may differ.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	for command, file := range map[string]string{"./f32": "f32", "./int8": "x16", "./vnni": "x16_avx512", "./bf16": "pairs", "./pairsamx": "pairs_amx", "./int8amx": "x16_amx", "./strips": "strips", "./f32avx512": "f32_avx512", "./blocks": "blocks", "./pack": "pack", "./half": "half", "./peak": "peak"} {
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

func afterFirstLine(b []byte) []byte {
	_, rest, _ := bytes.Cut(b, []byte("\n"))
	return rest
}
