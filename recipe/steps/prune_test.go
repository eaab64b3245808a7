package steps_test

import (
	"fmt"
	"slices"
	"testing"

	"limbeck/recipe/steps"
)

// What the lineage says of the layers that were kept is read back.
func TestKeptLayers(t *testing.T) {
	for _, want := range [][]int{nil, {3}, {0, 2, 11}} {
		if got, err := steps.KeptLayers(fmt.Sprint(want)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: got %v (%v)", want, got, err)
		}
	}
	if got, err := steps.KeptLayers("[0 two]"); err == nil {
		t.Errorf("[0 two]: got %v, want an error", got)
	}
}
