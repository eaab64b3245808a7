package kernel

import (
	"os"
	"testing"
)

// setTier switches to t. Nothing may be computing meanwhile.
func setTier(t tier) {
	current = t
	for _, f := range followers {
		f(t)
	}
}

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
	for c := lowest; c <= bestTier(); c++ {
		if os.Getenv(tierVariable) != "" && c != was {
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
	for _, c := range []struct {
		name string
		best tier
		want tier
		err  string
	}{
		{"", tierAVX2, tierAVX2, ""},
		{"generic", tierAVX2, tierGeneric, ""},
		{"avx2", tierAVX2, tierAVX2, ""},
		{"avx2", tierAVX512, tierAVX2, ""},
		{"avx512", tierBF16, tierAVX512, ""},
		{"avx512bf16", tierBF16, tierBF16, ""},
		{"avx512", tierAVX2, 0, "LIMBECK_CPU=avx512: this build on this processor goes up to avx2"},
		{"amx", tierAMX, tierAMX, ""},
		{"sse", tierAVX2, 0, "LIMBECK_CPU=sse: want one of generic, avx2, avx512, avx512bf16, amx"},
	} {
		got, err := chooseTier(c.name, c.best)
		if err != nil && err.Error() != c.err || err == nil && (c.err != "" || got != c.want) {
			t.Errorf("chooseTier(%q, %v) = %v, %v, want %v, %q", c.name, c.best, got, err, c.want, c.err)
		}
	}
}
