package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"

	"limbeck/eval/report"
	"limbeck/internal/machine"
	"limbeck/internal/par"
	"limbeck/tensor/kernel"
)

// A sample is what one run of a side gave.
type sample struct {
	Value  float64 // in the row's unit
	Memory int64   // most at a time, in bytes; 0 unknown

	seconds float64 // of the whole process
	cache   int64   // bytes that the sequences of Limbeck's bench fill

	// What the machine allows, by what was measured beside the run (of a training:
	// before the rows); 0 unknown. A shared machine's limits move within minutes.
	limit float64
	by    string
}

// A variant is one way to run a side.
type variant struct {
	flags string
	run   func(ctx context.Context) (sample, error)
}

// A side is a program that does what a row is about.
type side struct {
	name     string
	variants []variant
}

// A driver times rows.
type driver struct {
	set      *settings
	peers    []*llama        // that are not left out
	noTorch  string          // why PyTorch is not timed; empty: it is
	limits   *machine.Limits // the best that was measured
	progress progress
}

// newDriver finds or builds the peers, and looks for the programs.
func newDriver(ctx context.Context, s *settings) (*driver, error) {
	var err error
	if s.limbeck, err = program(s.limbeck, "Limbeck: make build builds it"); err != nil {
		return nil, err
	}
	d := &driver{set: s, noTorch: torchMissing(ctx, s.python), progress: progress{out: os.Stderr}}
	for _, p := range []struct {
		origin origin
		dir    string
		make   func(bin string, threads int) *llama
	}{{llamaOrigin, s.llama, newLlama}, {ikOrigin, s.ik, newIK}} {
		if p.dir == none {
			continue
		}
		bin, err := p.origin.find(ctx, p.dir)
		if err != nil {
			return nil, err
		}
		d.peers = append(d.peers, p.make(bin, s.threads))
	}
	return d, nil
}

// program returns the absolute path of a program, which may be one of PATH's.
func program(name, what string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w; want %s", err, what)
	}
	return filepath.Abs(path)
}

// cores returns how many cores this program may use.
func cores() int { return runtime.GOMAXPROCS(0) }

// meet keeps the best of the limits.
func (d *driver) meet(l machine.Limits) {
	if d.limits != nil {
		l = l.Better(*d.limits)
	}
	d.limits = &l
}

// chosen returns the rows whose names match, and those beside which they are held.
func (d *driver) chosen(only *regexp.Regexp) []row {
	all := d.rows()
	wanted := map[string]bool{}
	for _, r := range all {
		if only.MatchString(r.name) {
			wanted[r.name] = true
			wanted[r.beside] = true
		}
	}
	return slices.DeleteFunc(all, func(r row) bool { return !wanted[r.name] })
}

// run times the rows that are chosen.
func (d *driver) run(ctx context.Context, only *regexp.Regexp) (*result, error) {
	rows := d.chosen(only)
	if len(rows) == 0 {
		return nil, fmt.Errorf("-only %s: no row has such a name", only)
	}
	for _, r := range rows {
		for _, f := range r.files {
			if err := d.make(ctx, f); err != nil {
				return nil, err
			}
		}
	}
	d.measure()
	d.progress.plan(rows, d.set.rounds)
	res := &result{Machine: report.Machine{CPU: machine.CPU(), Tier: kernel.Tier(), Threads: d.set.threads}, Rounds: d.set.rounds, NoTorch: d.noTorch}
	for i := range rows {
		o, err := d.time(ctx, &rows[i])
		if err != nil {
			return nil, err
		}
		res.Rows = append(res.Rows, *o)
	}
	d.measure()
	res.Limits = *d.limits
	for i := range res.Rows {
		res.Rows[i].judge(rows[i].goals, res.Rows)
	}
	return res, nil
}

// measure measures the machine's limits.
func (d *driver) measure() {
	pool := par.New(d.set.threads)
	defer pool.Close()
	d.meet(machine.Measure(pool, machine.BeyondCaches))
}

// time tries every way of every side once, and lets the sides take turns with
// the fastest. The one that goes first goes last in the next round.
func (d *driver) time(ctx context.Context, r *row) (*outcome, error) {
	o := &outcome{Name: r.name, Unit: r.unit}
	best := make([]*variant, len(r.sides))
	for i, s := range r.sides {
		o.Sides = append(o.Sides, sideResult{Name: s.name})
		var err error
		if best[i], err = d.try(ctx, r, &s, &o.Sides[i]); err != nil {
			return nil, err
		}
	}
	for round := range d.set.rounds {
		for i := range r.sides {
			if round%2 == 1 {
				i = len(r.sides) - 1 - i
			}
			if best[i] == nil {
				continue
			}
			s, err := d.once(ctx, r, o.Sides[i].Name, best[i])
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			o.add(&o.Sides[i], &s, err)
		}
	}
	for i := range o.Sides {
		o.Sides[i].Unable = o.Sides[i].endings()
	}
	return o, nil
}

// try runs all variants of a side once and returns the fastest; nil if all
// failed. A side that has but one is not run in vain.
func (d *driver) try(ctx context.Context, r *row, s *side, to *sideResult) (best *variant, err error) {
	if len(s.variants) == 1 {
		to.Flags = s.variants[0].flags
		return &s.variants[0], nil
	}
	var fastest float64
	var failed []error
	for i := range s.variants {
		v := &s.variants[i]
		x, err := d.once(ctx, r, s.name, v)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		to.Trials = append(to.Trials, trial{v.flags, x.Value})
		if best == nil || (x.Value < fastest) == (r.unit == seconds) {
			best, fastest = v, x.Value
		}
	}
	if best != nil {
		to.Flags = best.flags
	} else if len(failed) > 0 {
		to.fail(failed...)
	}
	return best, nil
}

// once runs a variant and tells of it. A peer has no more than a time for it.
func (d *driver) once(ctx context.Context, r *row, name string, v *variant) (sample, error) {
	d.progress.next(r.name, name)
	if name != limbeckName {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, d.set.timeout, tooSlow{d.set.timeout})
		defer stop()
	}
	return v.run(ctx)
}

// A progress tells what is run, and how long all of it may still take.
type progress struct {
	out         io.Writer // nil: nothing is told
	start       time.Time
	done, total int
}

func (p *progress) say(format string, args ...any) {
	if p.out != nil {
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// plan counts the runs to come.
func (p *progress) plan(rows []row, rounds int) {
	p.start = time.Now()
	for _, r := range rows {
		for _, s := range r.sides {
			p.total += rounds
			if n := len(s.variants); n > 1 {
				p.total += n
			}
		}
	}
}

// next says what is run now.
func (p *progress) next(row, side string) {
	left := ""
	if p.done > 0 {
		t := time.Since(p.start) / time.Duration(p.done) * time.Duration(p.total-p.done)
		left = fmt.Sprintf(", about %s left", t.Round(time.Second))
	}
	p.done++
	p.say("%d of %d: %s: %s%s", p.done, p.total, row, side, left)
}
