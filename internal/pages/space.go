package pages

import (
	"runtime"
	"syscall"
	"unsafe"
)

// A Space is a range of addresses without memory, which is taken from its front piece by
// piece: who knows only the most that may be needed reserves that, and takes as it goes,
// without Go's heap. What is not taken costs nothing.
type Space struct {
	mem   []byte
	taken int // bytes
	ready int // bytes from the start, which may be touched
	last  runtime.Cleanup
}

const line = 64 // bytes, at whose multiples pieces begin

// Reserve returns a space of n bytes, which has none if the system has no such addresses.
// They are let go some time after nobody refers to the space any more.
func Reserve(n int) *Space {
	s := &Space{mem: reserve(n)}
	if s.mem != nil {
		s.last = runtime.AddCleanup(s, release, s.mem)
	}
	return s
}

// Left returns how many bytes of the space can still be taken.
func (s *Space) Left() int { return len(s.mem) - s.taken }

// Take returns n bytes, which are 0, in large pages if they are as many: the next of the
// space, whose user holds on to it, or of Go's heap where it has no more.
func (s *Space) Take(n int) []byte {
	piece := s.next(n)
	if piece == nil {
		piece = make([]byte, n)
	}
	Large(piece)
	return piece
}

// Extend returns piece, which ends what was taken and begins a line, as n bytes, of which
// those after its own are 0: where it lies, or copied to Go's heap where the space has no
// more, or the piece is of the heap.
func (s *Space) Extend(piece []byte, n int) []byte {
	longer := s.extend(piece, n)
	if longer == nil {
		longer = make([]byte, n)
		copy(longer, piece)
	}
	Large(longer)
	return longer
}

func (s *Space) extend(piece []byte, n int) []byte {
	taken := s.taken
	at := taken - lines(len(piece))
	if at < 0 || unsafe.SliceData(s.mem[at:]) != unsafe.SliceData(piece) {
		return nil
	}
	s.taken = at
	longer := s.next(n)
	if longer == nil {
		s.taken = taken
	}
	return longer
}

// next returns the next n bytes of the space; nil if it has no more.
func (s *Space) next(n int) []byte {
	end := s.taken + n
	if end > len(s.mem) {
		return nil
	}
	if page := syscall.Getpagesize(); end > s.ready {
		ready := min(len(s.mem), (end+page-1)/page*page)
		if !commit(s.mem[s.ready:ready]) {
			return nil
		}
		s.ready = ready
	}
	piece := s.mem[s.taken:end:end]
	s.taken = min(len(s.mem), lines(end))
	return piece
}

func lines(n int) int { return (n + line - 1) / line * line }

// Release lets the addresses and their memory go. Nobody may touch what was taken.
func (s *Space) Release() {
	if s.mem != nil {
		s.last.Stop()
		release(s.mem)
	}
	*s = Space{}
}
