package kernel

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// TestGoFusesNothing reads what the compiler makes of the generic loops for arm64,
// where it fuses each product that it may into the sum it is added to.
func TestGoFusesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles what the package imports for arm64")
	}
	cmd := exec.Command("go", "build", "-gcflags=-S", ".")
	cmd.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	asm, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(asm, []byte("\tFMULS\t")) {
		t.Fatalf("no assembly of products: %v\n%s", err, asm[:min(len(asm), 1000)])
	}
	for _, m := range regexp.MustCompile(`(\w+\.go:\d+)\)\t(FN?M(?:ADD|SUB)[SD])\t`).FindAllSubmatch(asm, -1) {
		t.Errorf("%s: fused, %s: convert the product before it is added", m[1], m[2])
	}
}
