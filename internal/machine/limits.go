package machine

import (
	"runtime/debug"
	"sync/atomic"
	"time"

	"limbeck/internal/pages"
	"limbeck/internal/par"
	"limbeck/tensor/kernel"
)

// Limits are what the tier in use can do at most, measured: the best of many
// short slices, since others may use the machine meanwhile.
type Limits struct {
	Threads    int    `json:"threads"`    // that "all" means
	Bytes      int64  `json:"read_bytes"` // what was read again and again
	Read       Rate   `json:"read"`       // bytes a second
	Arithmetic []Rate `json:"arithmetic"` // operations a second, f32 first
}

// A Rate is measured on one thread and on all.
type Rate struct {
	Kind string  `json:"kind"` // "read", or of the factors: "f32", "int8", "bf16"
	By   string  `json:"by,omitempty"`
	One  float64 `json:"one_thread"`
	All  float64 `json:"all_threads"`
}

// Of returns the rate of all threads for factors of a kind; 0 if there is none.
func (l *Limits) Of(kind string) float64 {
	for _, r := range l.Arithmetic {
		if r.Kind == kind {
			return r.All
		}
	}
	return 0
}

// Better returns the greater of each rate of l and other, which were measured
// alike.
func (l Limits) Better(other Limits) Limits {
	better := func(a, b Rate) Rate {
		a.One, a.All = max(a.One, b.One), max(a.All, b.All)
		return a
	}
	l.Read = better(l.Read, other.Read)
	rates := make([]Rate, len(l.Arithmetic))
	for i := range rates {
		rates[i] = better(l.Arithmetic[i], other.Arithmetic[i])
	}
	l.Arithmetic = rates
	return l
}

const (
	// BeyondCaches is far more than the caches of a processor hold: of 256 MB that are
	// read again and again, two chiplets' caches of 32 MB serve a twentieth.
	BeyondCaches = 1 << 30

	mostOfFree = 4                    // one part of so many of the free memory is read, at most
	measured   = 32                   // times that the arithmetic is measured
	slice      = 2 * time.Millisecond // of arithmetic
	chunkBytes = 1 << 20              // what a thread reads before it looks for more
	passes     = 8                    // over the bytes, at least
	passBytes  = 64 << 20             // in all passes of small memory
)

// Measure measures the limits of reading bytes of memory, again and again, and
// of arithmetic, on one thread and on all of pool's. It takes about a second. Memory
// beyond the caches is [BeyondCaches]; where little is free, less is read. It lies as
// packed weights do, in large pages where the system has them, which are read faster
// than small ones.
func Measure(pool *par.Pool, bytes int64) Limits {
	if free, ok := AvailableMemory(); ok {
		bytes = readOf(bytes, free)
	}
	one := par.New(1)
	defer one.Close()
	l := Limits{Threads: pool.Threads(), Bytes: bytes, Read: Rate{Kind: "read"}}
	p := memory(bytes)
	l.Read.One, l.Read.All = readRate(one, p), readRate(pool, p)
	debug.FreeOSMemory() // what was read is for the models that come
	for _, k := range kernel.Peaks() {
		turns := turnsFor(k)
		l.Arithmetic = append(l.Arithmetic, Rate{Kind: k.Kind, By: k.By, One: peakRate(one, k, turns), All: peakRate(pool, k, turns)})
	}
	return l
}

// readOf returns how much of so many bytes is read where so many are free.
func readOf(bytes, free int64) int64 { return min(bytes, max(free/mostOfFree, chunkBytes)) }

// memory returns what is read.
func memory(bytes int64) []float32 {
	p := make([]float32, bytes/4)
	pages.Large(p)
	clear(p) // written once, each page is memory of its own
	return p
}

// readRate returns the best rate at which pool's threads read p from one end
// to the other.
func readRate(pool *par.Pool, p []float32) float64 {
	r := &reading{p: p}
	n := (4*len(p) + chunkBytes - 1) / chunkBytes
	again := max(1, passBytes/max(1, 4*len(p)))
	best := 0.0
	for range passes {
		start := time.Now()
		for range again {
			pool.Run(r, n)
		}
		best = max(best, float64(again)*float64(4*len(p))/time.Since(start).Seconds())
	}
	return best
}

type reading struct{ p []float32 }

func (r *reading) Do(_, piece int) {
	lo := piece * chunkBytes / 4
	kernel.ReadMemory(r.p[lo:min(len(r.p), lo+chunkBytes/4)])
}

// turnsFor returns how many turns of k take about a slice.
func turnsFor(k kernel.Peak) int {
	for n := 1000; ; n *= 2 {
		start := time.Now()
		k.Run(n)
		if d := time.Since(start); d > slice/2 || n > 1<<28 {
			return n
		}
	}
}

// peakRate returns the best rate of k on pool's threads.
func peakRate(pool *par.Pool, k kernel.Peak, turns int) float64 {
	a := &arithmetic{k: k, turns: turns}
	best := 0.0
	for range measured {
		a.done.Store(0)
		start := time.Now()
		pool.Run(a, pool.Threads())
		best = max(best, float64(a.done.Load())/time.Since(start).Seconds())
	}
	return best
}

type arithmetic struct {
	k     kernel.Peak
	turns int
	done  atomic.Int64
}

func (a *arithmetic) Do(_, _ int) { a.done.Add(int64(a.k.Run(a.turns))) }
