package eval

import (
	"fmt"
	"slices"
	"testing"

	"limbeck/data"
	"limbeck/model"
)

// However many options share a batch and the prompt's cache, each is as likely as by a
// pass of its own over prompt and option, and that after other prompts too.
func TestLikelihoods(t *testing.T) {
	plain, begun := tiny(t)
	for _, m := range []*model.Model{plain, begun} {
		r := exactly(t, m)
		score := newLikelihoods(r)
		for _, n := range []int{1, likelihoodOptions, likelihoodOptions + 1} {
			options := make([]string, n)
			for i := range options {
				options[i] = fmt.Sprint("o", i*i)
			}
			for _, input := range []string{"turn the lights on", "stop"} {
				e := data.NewChat(input, "")
				got, err := score(t.Context(), e.Prompt(), options)
				if err != nil || len(got) != n {
					t.Fatalf("%d likelihoods of %d options, %v", len(got), n, err)
				}
				prompt, err := data.PromptIDs(m, &e)
				if err != nil {
					t.Fatal(err)
				}
				for i, o := range options {
					ids := slices.Concat(prompt, m.ReplyIDs(o))
					near(t, fmt.Sprintf("%s of %d after %q", o, n, input), got[i], -total(losses(r.Tape(), m, ids, len(prompt))))
				}
			}
		}
	}
}
