package machine

import (
	"strings"
	"testing"

	"limbeck/internal/par"
)

func TestSince(t *testing.T) {
	before := times{all: 1000, idle: 800, steal: 10}
	now := times{all: 1400, idle: 900, steal: 50}
	busy, stolen := now.since(before, 4) // of 400 ticks: 100 idle, 40 stolen, 260 busy
	if busy != 2.6 || stolen != 0.4 {
		t.Errorf("busy %v, stolen %v, want 2.6 and 0.4", busy, stolen)
	}
	if busy, stolen := before.since(before, 4); busy != 0 || stolen != 0 {
		t.Errorf("no time: busy %v, stolen %v", busy, stolen)
	}
}

// idle is a machine that nothing holds back.
func idle() Facts {
	return Facts{Tier: "avx512", BestTier: "avx512", Online: 8, Cores: 8, Threads: 8, Memory: 32e9, Available: 20e9}
}

func TestHindrances(t *testing.T) {
	even := Limits{Threads: 8, Read: Rate{One: 10e9, All: 40e9}, Arithmetic: []Rate{{Kind: "f32", One: 1e11, All: 8e11}}}
	f := idle()
	if got := f.Hindrances(&even); len(got) != 0 {
		t.Errorf("an idle machine is held back by %q", got)
	}
	for want, change := range map[string]func(*Facts, *Limits){
		"LIMBECK_CPU=generic keeps":       func(f *Facts, _ *Limits) { f.Tier = "generic" },
		"the avx512 kernels need VNNI":    func(f *Facts, _ *Limits) { f.NextTier, f.Lacks = "avx512", []string{"VNNI"} },
		"may run on 2 of 8 cores":         func(f *Facts, _ *Limits) { f.Cores, f.Threads = 2, 2 },
		"allows 1.5 cores' worth of time": func(f *Facts, _ *Limits) { f.Quota, f.Threads = 1.5, 2 },
		"GOMAXPROCS=3 leaves 5 cores":     func(f *Facts, _ *Limits) { f.Threads = 3 },
		"8 threads share 2 cores' worth":  func(f *Facts, _ *Limits) { f.Quota = 2 },
		"keep 3.0 of 8 cores busy":        func(f *Facts, _ *Limits) { f.Busy = 3 },
		"lends 0.5 of 8 cores":            func(f *Facts, _ *Limits) { f.Stolen = 0.5 },
		"only 0.5 GB of memory":           func(f *Facts, _ *Limits) { f.Available = 5e8 },
		"read hardly faster than one":     func(_ *Facts, l *Limits) { l.Read.All = 11e9 },
		"8 threads reach 50 % of 8 times": func(_ *Facts, l *Limits) { l.Arithmetic = []Rate{{Kind: "f32", One: 1e11, All: 4e11}} },
	} {
		f, l := idle(), even
		change(&f, &l)
		if got := strings.Join(f.Hindrances(&l), "\n"); !strings.Contains(got, want) {
			t.Errorf("got %q, want it to hold %q", got, want)
		}
	}
}

func TestThreadsFor(t *testing.T) {
	for _, c := range []struct {
		quota         float64
		threads, want int
	}{{0, 8, 8}, {9.5, 8, 8}, {3, 8, 3}, {3.1, 8, 4}, {.5, 8, 2}, {.5, 1, 1}} {
		if got := threadsFor(c.quota, c.threads); got != c.want {
			t.Errorf("%d threads under a quota of %v cores: %d, want %d", c.threads, c.quota, got, c.want)
		}
	}
}

func TestBetter(t *testing.T) {
	a := Limits{Read: Rate{One: 1, All: 4}, Arithmetic: []Rate{{Kind: "f32", One: 5, All: 6}}}
	b := Limits{Read: Rate{One: 2, All: 3}, Arithmetic: []Rate{{Kind: "f32", One: 4, All: 8}}}
	if c := a.Better(b); c.Read != (Rate{One: 2, All: 4}) || c.Of("f32") != 8 || c.Of("bf16") != 0 || a.Of("f32") != 6 {
		t.Errorf("got %+v, and %+v", c, a)
	}
}

// Where little memory is free, little of it is read, but something.
func TestReadOf(t *testing.T) {
	for _, c := range []struct{ bytes, free, want int64 }{
		{BeyondCaches, 64 << 30, 1 << 30}, {BeyondCaches, 2 << 30, 512 << 20}, {BeyondCaches, 0, 1 << 20}, {1 << 16, 64 << 30, 1 << 16},
	} {
		if got := readOf(c.bytes, c.free); got != c.want {
			t.Errorf("of %d bytes, %d free: %d are read, want %d", c.bytes, c.free, got, c.want)
		}
	}
}

// Something is measured, of everything.
func TestMeasure(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	l := Measure(pool, 1<<20)
	if l.Threads != 2 || l.Bytes != 1<<20 || !(l.Read.One > 0 && l.Read.All > 0 && l.Of("f32") > 0 && l.Of("int8") > 0) {
		t.Errorf("got %+v", l)
	}
	f := Look()
	if f.CPU == "" || f.Tier == "" || f.Cores < 1 || f.Threads < 1 {
		t.Errorf("got %+v", f)
	}
}
