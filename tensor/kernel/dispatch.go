package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A tier is a class of processors, which have what those of the tiers below have.
// Every routine exists for tierGeneric; a tier that lacks a routine of its own uses
// the one of the tier below.
type tier int

const (
	tierGeneric tier = iota
	tierAVX2         // AVX2, FMA and F16C
	tierAVX512       // AVX-512 F, BW, DQ, VL and VNNI, and BMI2
	tierBF16         // AVX-512 BF16
	tierAMX          // tiles of AMX, for int8 and bf16
	tierCount
)

var tierNames = [tierCount]string{"generic", "avx2", "avx512", "avx512bf16", "amx"}

func (t tier) String() string { return tierNames[t] }

// tierVariable is the environment variable that forces a lower tier.
const tierVariable = "LIMBECK_CPU"

// current is the tier in use. It changes after start-up only in tests.
var current = startTier()

// followers are called whenever current changes.
var followers []func(tier)

// Tier names the instruction set in use, one of [Tiers]. The environment variable
// LIMBECK_CPU chooses a lower one than the processor has.
func Tier() string { return current.String() }

// Tiers names all tiers, the lowest first, whether or not this build has them on
// this processor.
func Tiers() []string { return slices.Clone(tierNames[:]) }

func startTier() tier {
	t, err := chooseTier(os.Getenv(tierVariable), bestTier())
	if err != nil {
		fmt.Fprintln(os.Stderr, "limbeck:", err)
		os.Exit(2)
	}
	return t
}

// chooseTier returns the tier called name, or best if name is empty.
func chooseTier(name string, best tier) (tier, error) {
	if name == "" {
		return best, nil
	}
	for t := range tierCount {
		if tierNames[t] != name {
			continue
		}
		if t > best {
			return 0, fmt.Errorf("%s=%s: this build on this processor goes up to %s", tierVariable, name, best)
		}
		return t, nil
	}
	return 0, fmt.Errorf("%s=%s: want one of %s", tierVariable, name, strings.Join(tierNames[:], ", "))
}

// follow calls f, which sets function variables, for the current tier and
// again whenever it changes. It returns a value so that it can run while
// package variables are initialized:
//
//	var _ = follow(func(t tier) { … })
func follow(f func(tier)) bool {
	followers = append(followers, f)
	f(current)
	return true
}
