package kernel

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// eachTier runs f once for every tier that this machine has. Where the environment has
// chosen a tier, it runs f in that alone.
func eachTier(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	runTiers(t, tierGeneric, f)
}

// fastTiers runs f as eachTier does, for every tier above the generic one.
func fastTiers(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if bestTier() == tierGeneric {
		t.Skip("this machine has the generic tier only")
	}
	runTiers(t, tierGeneric+1, f)
}

func runTiers(t *testing.T, lowest tier, f func(t *testing.T)) {
	t.Helper()
	was := current
	defer setTier(was)
	chosen := os.Getenv(tierVariable) != ""
	if chosen && was < lowest {
		t.Skipf("%s=%s", tierVariable, was)
	}
	for c := lowest; c <= bestTier(); c++ {
		if chosen && c != was {
			continue
		}
		setTier(c)
		t.Run(c.String(), f)
	}
}

// inTier calls f with tier c in use.
func inTier(c tier, f func()) {
	was := current
	setTier(c)
	defer setTier(was)
	f()
}

func TestChooseTier(t *testing.T) {
	for _, c := range []struct{ name, best, want, err string }{
		{"", "avx2", "avx2", ""},
		{"generic", "avx2", "generic", ""},
		{"avx2", "avx2", "avx2", ""},
		{"avx2", "avx512", "avx2", ""},
		{"avx512", "avx512bf16", "avx512", ""},
		{"avx512bf16", "avx512bf16", "avx512bf16", ""},
		{"avx512", "avx2", "", "LIMBECK_CPU=avx512: this build on this processor goes up to avx2"},
		{"amx", "amx", "amx", ""},
		{"sse", "avx2", "", "LIMBECK_CPU=sse: want one of " + strings.Join(Tiers(), ", ")},
	} {
		got, err := chooseTier(c.name, tier(slices.Index(tierNames[:], c.best)))
		if err != nil && err.Error() != c.err || err == nil && (c.err != "" || got.String() != c.want) {
			t.Errorf("chooseTier(%q, %s) = %v, %v, want %s, %q", c.name, c.best, got, err, c.want, c.err)
		}
	}
}
