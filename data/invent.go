package data

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
)

// shortestBlended is the length in characters from which words are blended:
// shorter ones are mostly grammar.
const shortestBlended = 4

// InventValues returns up to n new commands whose slots have values that nobody
// has seen: two of three words of a value are replaced by blends, the beginning of
// one word of the examples and the end of another ("play brightown"). Such a value
// cannot be known or guessed, only copied, which a small model must learn from few
// examples. No result equals, after [Normalize], an example, one of those to avoid (as
// of a test split), or another result, and values are replaced only where they stand
// exactly once in the text, as words of their own. It returns fewer than n when new ones
// are hard to find; only examples with intent and slots are used, or with a reply that
// spells them; see [Example.Gold]. Equal arguments give equal results.
func InventValues(examples, avoid []Example, n int, seed uint64) []Example {
	rng := rand.New(rand.NewPCG(seed, 0x776f726473)) // "words"
	words := longWords(examples)
	if len(words) == 0 {
		return nil
	}
	return vary(commandsOf(examples), inputs(slices.Concat(examples, avoid)), n, rng, inventedSuffix, func(s Slot, rng *rand.Rand) string {
		value := strings.Fields(s.Value)
		for i := range value {
			if rng.IntN(3) > 0 {
				value[i] = blend(words[rng.IntN(len(words))], words[rng.IntN(len(words))], rng)
			}
		}
		return strings.Join(value, " ")
	})
}

// longWords returns the words of the examples' inputs, as often as they occur,
// that are long enough and made of letters alone, none in upper case. Of a command it
// leaves out what stands before it: all have the same system message.
func longWords(examples []Example) [][]rune {
	var words [][]rune
	for i := range examples {
		text := examples[i].Input()
		if c, ok := commandOf(&examples[i]); ok {
			text = c.text
		}
		for _, f := range strings.Fields(text) {
			word := []rune(f)
			if len(word) >= shortestBlended && strings.IndexFunc(f, func(r rune) bool { return !unicode.IsLetter(r) || unicode.IsUpper(r) }) < 0 {
				words = append(words, word)
			}
		}
	}
	return words
}

// blend returns the beginning of a and the end of b, at least a letter of each.
func blend(a, b []rune, rng *rand.Rand) string {
	return string(a[:1+rng.IntN(len(a)-1)]) + string(b[1+rng.IntN(len(b)-1):])
}
