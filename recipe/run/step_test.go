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

// What one step gives back is there for the next.
func TestCostThen(t *testing.T) {
	var all Cost
	for _, c := range []Cost{
		{Seconds: 1, Memory: 5, Disk: 10},
		{Seconds: 2, Memory: 9, Disk: 80, Passing: 70},
		{Seconds: 3, Memory: 7, Disk: 50, Passing: 40},
	} {
		all = all.Then(c)
	}
	if all.Seconds != 6 || all.Memory != 9 || all.Disk != 90 || all.Disk-all.Passing != 30 {
		t.Errorf("got %+v, want 6 s, 9 bytes of memory, 90 of the disk at most, of which 30 stay", all)
	}
}
