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

// The last piece grows where it lies while its space has room; what is no last piece, or
// finds no room, is copied. Its bytes stay what they are, and those after them are 0.
func TestSpaceExtends(t *testing.T) {
	const size = 4 * line
	s := Reserve(size)
	defer s.Release()
	first, last := s.Take(line), s.Take(10)
	for _, c := range []struct {
		name     string
		piece    []byte
		n, taken int
		stays    bool
	}{
		{"not the last", first, 2 * line, 2 * line, false},
		{"the last", nil, line + 1, 3 * line, true},
		{"to the space's end", nil, 3 * line, size, true},
		{"beyond the space", nil, 3*line + 1, size, false},
		{"of the heap", make([]byte, 3*line), 3*line + 1, size, false},
	} {
		piece := c.piece
		if piece == nil {
			piece = last
		}
		for i := range piece {
			piece[i] = 7
		}
		longer := s.Extend(piece, c.n)
		if len(longer) != c.n || &longer[0] == &piece[0] != c.stays || s.taken != c.taken {
			t.Errorf("%s: %d bytes, %d taken; stays %v", c.name, len(longer), s.taken, &longer[0] == &piece[0])
		}
		want := append(bytes.Repeat([]byte{7}, len(piece)), make([]byte, c.n-len(piece))...)
		if !bytes.Equal(longer, want) {
			t.Errorf("%s: has changed, or goes on with others than 0", c.name)
		}
		if c.piece == nil {
			last = longer
		}
	}
}
