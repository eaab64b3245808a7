package pages

import (
	"bytes"
	"testing"
	"unsafe"
)

// Pieces are cleared, lie behind one another on whole lines, hold what is written to them
// as others are taken, and are of the heap when the space has no more.
func TestSpace(t *testing.T) {
	const size = 1 << 20
	s := Reserve(size)
	if s.Left() != size {
		t.Fatalf("%d bytes left of %d", s.Left(), size)
	}
	var pieces [][]byte
	for n := 1; s.Left() > 0; n = n*3 + 1 {
		n = min(n, s.Left())
		left := s.Left()
		p := s.Take(n)
		if len(p) != n || cap(p) != n || !bytes.Equal(p, make([]byte, n)) {
			t.Fatalf("a piece of %d bytes, of %d, has others than 0, or %d", len(p), cap(p), n)
		}
		if took := left - s.Left(); took < n || took > n+line {
			t.Errorf("a piece of %d bytes takes %d", n, took)
		}
		for i := range p {
			p[i] = byte(len(pieces) + 1)
		}
		pieces = append(pieces, p)
	}
	start := uintptr(unsafe.Pointer(&pieces[0][0]))
	for i, p := range pieces {
		if at := uintptr(unsafe.Pointer(&p[0])) - start; at%line != 0 || at+uintptr(len(p)) > size {
			t.Errorf("piece %d lies at %d", i, at)
		}
		if want := bytes.Repeat([]byte{byte(i + 1)}, len(p)); !bytes.Equal(p, want) {
			t.Errorf("piece %d has changed", i)
		}
	}
	for name, none := range map[string]*Space{"full": s, "too large for any system": Reserve(1 << 60)} {
		if p := none.Take(100); len(p) != 100 {
			t.Errorf("%s: %d bytes, want 100", name, len(p))
		}
	}
	s.Release()
	s.Release()
	if s.Left() != 0 || len(s.Take(10)) != 10 {
		t.Error("a space that was let go gives what it had, or nothing")
	}
}
