package quantize

import (
	"os"
	"path/filepath"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
)

func TestFit(t *testing.T) {
	m := testkit.Model(1)
	pool := par.New(1)
	defer pool.Close()
	path := filepath.Join(t.TempDir(), "m.gguf")
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
		q, err := Apply(m, o, pool)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Save(path); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > size {
			t.Errorf("asked for at most %d bytes, got %d", size, info.Size())
		}
		if info.Size() < before {
			t.Errorf("%d bytes give a file of %d, fewer gave one of %d", size, info.Size(), before)
		}
		before = info.Size()
		fitted++
	}
	if fitted < 5 {
		t.Errorf("only %d sizes were possible", fitted)
	}
}
