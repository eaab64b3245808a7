package testkit

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"limbeck/tensor/kernel"
)

// tierVariable chooses a kernel tier when a process starts; see package kernel.
const tierVariable = "LIMBECK_CPU"

// EachTier runs f in the kernel tier of this process, and the whole test t
// again, in a process of its own, in each lower one. Where the environment has
// chosen a tier, and of quick tests, it runs f alone.
func EachTier(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Run(kernel.Tier(), f)
	if os.Getenv(tierVariable) != "" || testing.Short() {
		return
	}
	for _, tier := range kernel.Tiers() {
		if tier == kernel.Tier() {
			return
		}
		t.Run(tier, func(t *testing.T) {
			top, _, _ := strings.Cut(t.Name(), "/")
			out := InTier(t, tier, top)
			if !strings.Contains(string(out), "--- PASS: "+top+"/"+tier) {
				t.Errorf("the tier was not tested:\n%s", out)
			}
		})
	}
}

// InTier runs a test again, in a process of its own, in a kernel tier, and returns
// what it prints. It fails if that fails.
func InTier(t *testing.T, tier, test string, env ...string) (out []byte) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	c.Env = slices.Concat(os.Environ(), []string{tierVariable + "=" + tier}, env)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}
