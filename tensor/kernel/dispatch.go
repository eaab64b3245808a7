package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A tier is a class of processors, which have what those of the tiers below have; as a
// number, its place among tierNames, which each architecture has its own of. Every routine
// exists for tierGeneric; a tier that lacks one of its own uses that of the tier below.
type tier int

func (t tier) String() string { return tierNames[t] }

// A definition is what a tier's file says of it.
type definition struct {
	needs func() []need // what it asks of this processor, besides what the tiers below do
	use   func()        // sets its routines, in place of those of the tiers below
}

// A need is something that a tier asks for.
type need struct {
	name string
	met  bool
}

// definitions are those of the tiers that this build has.
var definitions [len(tierNames)]definition

// define is called by a tier's file while package variables are initialized, since init
// begins to use what it defines.
func define(name string, d definition) tier {
	t := slices.Index(tierNames[:], name)
	if t < 0 || definitions[t].use != nil {
		panic("kernel: tier " + name + " has no place among tierNames, or two files")
	}
	definitions[t] = d
	return tier(t)
}

// tierVariable is the environment variable that forces a lower tier.
const tierVariable = "LIMBECK_CPU"

// current is the tier in use. It changes after start-up only in tests.
var current tier

func init() { setTier(startTier()) }

// setTier switches to t. Nothing may be computing meanwhile.
func setTier(t tier) {
	current = t
	for _, d := range definitions[:t+1] {
		d.use()
	}
}

// Tier names the instruction set in use, one of [Tiers]. The environment variable
// LIMBECK_CPU chooses a lower one than the processor has.
func Tier() string { return current.String() }

// Tiers names all tiers of this architecture, the lowest first, whether or not this build
// has them on this processor.
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
	t := tier(slices.Index(tierNames[:], name))
	switch {
	case t < 0:
		return 0, fmt.Errorf("%s=%s: want one of %s", tierVariable, name, strings.Join(tierNames[:], ", "))
	case t > best:
		return 0, fmt.Errorf("%s=%s: this build on this processor goes up to %s", tierVariable, name, best)
	}
	return t, nil
}
