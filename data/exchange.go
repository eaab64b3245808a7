package data

import (
	"math/rand/v2"
	"slices"
)

// ExchangeSlots returns up to n new commands, made by putting values of slots
// from other commands in the place of a command's own ("wake me at [time]"): a
// value is replaced by one of another command's slot of the same name. No result
// equals, after [Normalize], an example, one of those to avoid, or another result, and
// values are replaced only where they stand exactly once in the text, as words of their
// own. It returns fewer than n when new ones are hard to find; only examples with intent
// and slots are used, or with a reply that spells them; see [Example.Gold]. Equal arguments
// give equal results.
func ExchangeSlots(examples, avoid []Example, n int, seed uint64) []Example {
	rng := rand.New(rand.NewPCG(seed, 0x736c6f7473)) // "slots"
	commands := commandsOf(examples)
	pool := slotValues(commands)
	return vary(commands, inputs(slices.Concat(examples, avoid)), n, rng, exchangedSuffix, func(s Slot, rng *rand.Rand) string {
		values := pool[s.Name]
		if len(values) < 2 {
			return s.Value
		}
		return values[rng.IntN(len(values))]
	})
}

// slotValues returns the distinct values of each slot in order of appearance.
func slotValues(commands []command) map[string][]string {
	pool := map[string][]string{}
	seen := map[Slot]bool{}
	for _, c := range commands {
		for _, s := range c.slots {
			if k := s.Normalized(); !seen[k] && k.Value != "" {
				seen[k] = true
				pool[s.Name] = append(pool[s.Name], s.Value)
			}
		}
	}
	return pool
}
