package machine

import (
	"fmt"
	"strings"
)

const (
	littleMemory = 1 << 30 // less leaves no room for a model of a billion parameters
	busyShare    = 0.15    // of the cores, below which others hardly matter
	stolenShare  = 0.03
	flatReading  = 1.2 // all threads read at least this much faster than one
	slowThreads  = 0.8 // of the rate that so many threads would have if none was disturbed
)

// Hindrances tells, for people, what holds f back: what could be faster by a
// setting or by leaving the machine alone first. limits may be nil.
func (f *Facts) Hindrances(limits *Limits) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if f.Tier != f.BestTier {
		say("LIMBECK_CPU=%s keeps the kernels below %s, which this processor has", f.Tier, f.BestTier)
	}
	f.sayCores(say)
	busy := f.Busy > busyShare*float64(max(1, f.Online))
	if busy {
		say("other programs keep %.1f of %d cores busy: rates fall by as much, and vary", f.Busy, f.Online)
	}
	if n := float64(max(1, f.Online)); f.Stolen > stolenShare*n {
		say("the host lends %.1f of %d cores to other virtual machines", f.Stolen, f.Online)
	}
	if f.Available > 0 && f.Available < littleMemory {
		say("only %.1f GB of memory are free", float64(f.Available)/1e9)
	}
	if limits != nil && !busy { // else threads do not add up for that reason
		sayLimits(limits, say)
	}
	if f.NextTier != "" {
		say("the %s kernels need %s", f.NextTier, strings.Join(f.Lacks, ", "))
	}
	return out
}

// sayCores tells of cores that are there and not used.
func (f *Facts) sayCores(say func(string, ...any)) {
	if f.Cores < f.Online {
		say("this process may run on %d of %d cores: its affinity, or its container's", f.Cores, f.Online)
	}
	switch {
	case f.Quota > 0 && f.Quota < float64(f.Cores):
		say("the control group allows %.3g cores' worth of time, %d are there", f.Quota, f.Cores)
	case f.Threads < f.Cores:
		say("GOMAXPROCS=%d leaves %d cores unused", f.Threads, f.Cores-f.Threads)
	}
	if f.Quota > 0 && float64(f.Threads) > f.Quota+0.5 {
		say("%d threads share %.3g cores' worth of time: they are stopped and wait for each other", f.Threads, f.Quota)
	}
}

// sayLimits tells of threads that do not add up.
func sayLimits(l *Limits, say func(string, ...any)) {
	if l.Threads < 2 {
		return
	}
	if l.Read.All < flatReading*l.Read.One {
		say("memory: all %d threads read hardly faster than one; writing tokens gains little from more threads", l.Threads)
	}
	for _, r := range l.Arithmetic {
		if could := float64(l.Threads) * r.One; r.All < slowThreads*could {
			say("%s arithmetic: %d threads reach %.0f %% of %d times one; cores are shared, or slow down together", r.Kind, l.Threads, 100*r.All/could, l.Threads)
			return
		}
	}
}
