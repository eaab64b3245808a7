package quantize

import (
	"testing"

	"limbeck/internal/testkit"
)

func TestFit(t *testing.T) {
	m := testkit.Model(1)
	before := int64(0)
	fitted := 0
	for size := int64(10_000); size < 400_000; size += 7_000 {
		o, err := Fit(m, size, nil)
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
