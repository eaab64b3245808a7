package quantize

import (
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model"
)

func TestFit(t *testing.T) {
	t.Run("bare", func(t *testing.T) { checkFit(t, testkit.Model(1), 0) })
	t.Run("described at length", func(t *testing.T) {
		m, long := testkit.Model(1), 200_000
		m.Meta.Set("general.description", strings.Repeat("x", long))
		checkFit(t, m, int64(long))
	})
}

// checkFit asks for files of many sizes, each with so much more.
func checkFit(t *testing.T, m *model.Model, more int64) {
	before := int64(0)
	fitted := 0
	for size := 10_000 + more; size < 400_000+more; size += 7_000 {
		o, err := Fit(m, size, 0, nil)
		if err != nil {
			if before > 0 {
				t.Fatalf("%d bytes: %v, though fewer were enough", size, err)
			}
			continue
		}
		got := int64(len(written(t, m, o, 1)))
		if got > size {
			t.Errorf("asked for at most %d bytes, got %d", size, got)
		}
		if got < before {
			t.Errorf("%d bytes give a file of %d, fewer gave one of %d", size, got, before)
		}
		before = got
		fitted++
	}
	if fitted < 5 {
		t.Errorf("only %d sizes were possible", fitted)
	}
}
