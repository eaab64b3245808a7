package pages

import (
	"runtime"
	"syscall"
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
	s.taken = min(len(s.mem), (end+line-1)/line*line)
	return piece
}

// Release lets the addresses and their memory go. Nobody may touch what was taken.
func (s *Space) Release() {
	if s.mem != nil {
		s.last.Stop()
		release(s.mem)
	}
	*s = Space{}
}
