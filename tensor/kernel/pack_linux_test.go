package kernel

import (
	"math/rand/v2"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
)

// TestPackReadsItsRows packs rows that begin or end where a page does, beside pages
// that cannot be read: a matrix may be the last of a mapped file.
func TestPackReadsItsRows(t *testing.T) { eachTier(t, testPackReadsItsRows) }

func testPackReadsItsRows(t *testing.T) {
	const rows, blocks = 16, 3
	r := rand.New(rand.NewPCG(9, 1))
	for _, f := range packedFormats {
		cols := blocks * max(f.len, BlockLen)
		m := f.random(r, rows, cols)
		mem := betweenGuards(t, len(m))
		for place, src := range map[string][]byte{"begin": mem[:len(m)], "end": mem[len(mem)-len(m):]} {
			copy(src, m)
			if err := faults(func() { pack(f.layout, src, rows, cols) }); err != nil {
				t.Errorf("%s: rows at the %s of what can be read: %v", f.layout.Name, place, err)
			}
		}
	}
}

// betweenGuards returns n bytes or more, whole pages, between two that cannot be
// read.
func betweenGuards(t *testing.T, n int) []byte {
	page := os.Getpagesize()
	n = (n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, page+n+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{mem[:page], mem[page+n:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return mem[page : page+n]
}

// faults calls f and returns the fault that it ends in, nil if none.
func faults(f func()) (fault any) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { fault = recover() }()
	f()
	return nil
}
