package kernel

import (
	"os"
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
