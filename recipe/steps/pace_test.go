package steps

import (
	"testing"

	"limbeck/recipe"
)

// Few examples take more passes, small models higher rates; both within bounds.
func TestDraftedPace(t *testing.T) {
	for _, c := range []struct {
		pace           pace
		tokens, params int
		epochs, rate   float64
	}{
		{tunePace, 265_000, 134_600_000, 2, 2e-4}, // SmolLM2 on the home assistant's commands
		{tunePace, 100_284, 10_900_000, 4, 7e-4},
		{tunePace, 5_000, 10_900_000, 8, 7e-4},
		{tunePace, 0, 1_000, 8, 1e-3},
		{tunePace, 1 << 40, 1_240_000_000, 2, 7e-5},
		{tunePace, 1 << 40, 70_000_000_000, 2, 5e-5},
		{distillPace, 265_000, 60_000_000, 6, 5e-4},
		{distillPace, 100_284, 4_960_000, 15, 1e-3},
		{distillPace, 5_000, 4_960_000, 16, 1e-3},
		{distillPace, 1_000_000, 500_000_000, 3, 2e-4},
	} {
		for _, made := range []float64{0, 1} {
			d := &Drafted{Recipe: recipe.Default[recipe.Recipe](), Remarks: map[string]string{}}
			d.Recipe.Data.Augment = &recipe.Augment{ExchangeSlots: made}
			var got recipe.Train
			d.pace("distill", &got, c.pace, c.tokens, c.params)
			if want := c.epochs / (1 + made); got.Epochs != want || len(got.LR) != 1 || got.LR[0] != c.rate {
				t.Errorf("%d tokens, %d parameters, %v made of one: %v passes at %v, want %v at %v", c.tokens, c.params, made, got.Epochs, got.LR, want, c.rate)
			}
			if d.Remarks["distill.epochs"] == "" || d.Remarks["distill.lr"] == "" {
				t.Errorf("%d tokens: remarks %q", c.tokens, d.Remarks)
			}
		}
	}
}
