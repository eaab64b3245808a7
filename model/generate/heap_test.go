package generate

import (
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/nn/op"
)

// A packed model is of the heap, before it is packed and after; one that is mapped as
// it was kept is not.
func TestHeapOf(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	path := filepath.Join(t.TempDir(), "m.gguf")
	whole := testkit.Model(1)
	size := op.PackedBytes(whole.Weights())
	if err := whole.Save(path); err != nil {
		t.Fatal(err)
	}
	open := func() (*model.Model, error) { return model.Open(path) }
	keep := func() (*model.Model, error) { return model.OpenPacked(path, pool, t.Logf) }
	heap := func(open func() (*model.Model, error), pack bool) int {
		m, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if pack {
			m.Pack(pool)
		}
		runtime.GC()
		n := heapOf(m)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	made, mapped := heap(keep, false), heap(keep, false)
	for name, n := range map[string]int{"being kept": made, "as stored": heap(open, false), "packed": heap(open, true)} {
		if n-mapped < size/2 {
			t.Errorf("%s, the heap is %d bytes more than mapped: the %d that are packed are not in it", name, n-mapped, size)
		}
	}
}

// However small a model is, some megabytes are left uncollected, and no more than those.
func TestLimitGarbage(t *testing.T) {
	usual := debug.SetGCPercent(100)
	defer func() {
		ballast = nil
		debug.SetGCPercent(usual)
	}()
	m := testkit.Model(1)
	LimitGarbage()(m)
	collections := func(garbage int) uint32 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range garbage >> 10 {
			waste = make([]byte, 1<<10)
		}
		runtime.ReadMemStats(&after)
		return after.NumGC - before.NumGC
	}
	if n := collections(garbageBytes / 2); n != 0 {
		t.Errorf("%d collections after half of the garbage that is to be left", n)
	}
	if n := collections(garbageBytes * 4); n == 0 || n > 8 {
		t.Errorf("%d collections of four times the garbage that is to be left", n)
	}
}

var waste []byte
