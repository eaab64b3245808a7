package run

import (
	"context"
	"slices"
	"testing"
)

// What was told before all work, and what the step has told, is not told again: by
// the whole text, which another may begin with.
func TestWarnedOnce(t *testing.T) {
	s := &Step{Kind: "x", Name: "x",
		Predict: func() (Cost, error) {
			return Cost{Warnings: []Warning{{Text: "1 row is odd", More: " (b)"}, {Text: "1 row is odd", More: " (b)"}}}, nil
		},
		Run: func(_ context.Context, w *Work) error {
			for _, text := range []string{"1 row is odd", "1 row", "2 rows", "2 rows"} {
				w.Warn("%s", text)
			}
			return nil
		}}
	var told []string
	o := options
	o.Warned = func(text string) { told = append(told, text) }
	mustMake(t, t.TempDir(), []*Step{s}, o)
	if want := []string{"1 row is odd (b)", "1 row", "2 rows"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
