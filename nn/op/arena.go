package op

import "math/bits"

// An arena hands out memory that is taken back all at once.
type arena struct {
	chunks        [][]float32
	current, used int // the chunk in use, and how much of it is
}

const (
	chunkFloats = 1 << 20 // the least size of a chunk: 4 MB
	alignFloats = 16      // every piece starts on a cache line
)

func (a *arena) take(n int) []float32 {
	size := (n + alignFloats - 1) &^ (alignFloats - 1)
	free := a.current // the first chunk that nobody has a piece of
	if a.used > 0 {
		free++
	}
	for ; a.current < len(a.chunks); a.current, a.used = a.current+1, 0 {
		if c := a.chunks[a.current]; a.used+size <= len(c) {
			a.used += size
			return c[a.used-size : a.used-size+n : a.used]
		}
	}
	// Those that are free are too small. Kept, each piece larger than all before
	// it, as the logits of one batch more, would leave another one behind.
	clear(a.chunks[free:])
	a.chunks = append(a.chunks[:free], LargeFloats(max(sizeClass(size), chunkFloats)))
	a.current, a.used = free, size
	return a.chunks[a.current][:n:size]
}

// floats returns how many a holds.
func (a *arena) floats() (n int) {
	for _, c := range a.chunks {
		n += len(c)
	}
	return n
}

func (a *arena) reset() { a.current, a.used = 0, 0 }

// A freelist lends slices of any size and takes them back.
type freelist struct {
	free   map[int][][]float32 // by capacity
	floats int                 // that were ever made
}

func (f *freelist) get(n int) []float32 {
	size := sizeClass(n)
	if l := f.free[size]; len(l) > 0 {
		f.free[size] = l[:len(l)-1]
		return l[len(l)-1][:n]
	}
	f.floats += size
	return LargeFloats(size)[:n]
}

func (f *freelist) put(s []float32) {
	if f.free == nil {
		f.free = map[int][][]float32{}
	}
	f.free[cap(s)] = append(f.free[cap(s)], s)
}

// sizeClass rounds n up by at most an eighth, so that batches of about the same
// length share their slices.
func sizeClass(n int) int {
	if n <= alignFloats {
		return alignFloats
	}
	step := 1 << max(bits.Len(uint(n))-4, 4)
	return (n + step - 1) / step * step
}

// A slab holds one kind of struct for reuse: the nodes and values of the last
// step serve the next.
type slab[T any] struct {
	items []*T
	used  int
}

type resetter interface{ reset() }

func (s *slab[T]) reset() { s.used = 0 }

// Alloc returns a T that lives until t is reset. It holds what its last user
// left: the caller assigns all of it.
func Alloc[T any](t *Tape) *T {
	s := slabOf[T](t)
	if s.used == len(s.items) {
		s.items = append(s.items, new(T))
	}
	s.used++
	return s.items[s.used-1]
}

// slabOf finds the slab of a type. There are few: to look at them takes less
// time than to find one in a map.
func slabOf[T any](t *Tape) *slab[T] {
	for _, s := range t.slabs {
		if s, ok := s.(*slab[T]); ok {
			return s
		}
	}
	s := &slab[T]{}
	t.slabs = append(t.slabs, s)
	return s
}
