package main

import (
	"context"
	"fmt"
	"strings"

	"limbeck/eval/bench"
)

// A row is one thing that its sides do.
type row struct {
	name   string
	unit   unit
	files  []file
	sides  []side
	goals  []goal
	beside string // the row that a goal compares it with; empty: none
}

// A unit says what a row's figures count.
type unit string

const (
	tokens    unit = "tok/s"
	megabytes unit = "MB/s"
	seconds   unit = "s" // less is better
)

// Files that the rows time.
var (
	smol4, smolK, smol8         = file{"135M", "q4_0"}, file{"135M", "q4_k_m"}, file{"135M", "q8_0"}
	smol41                      = file{"135M", "q4_1"}
	llama4, llamaK, llama8, big = file{"1B", "q4_0"}, file{"1B", "q4_k_m"}, file{"1B", "q8_0"}, file{"1B", "f16"}
	smolF16                     = file{"135M", "f16"}
	prompt                      = bench.Work{Kind: bench.Prompt, Tokens: 512, Batch: 1, Write: 1}
	decode                      = bench.Work{Kind: bench.Decode, Tokens: 1, Batch: 1, Write: 64}
	deep                        = bench.Work{Kind: bench.Decode, Tokens: 8192, Batch: 1, Write: 32}
	requests                    = bench.Work{Kind: bench.Requests, Tokens: 128, Batch: 16, Write: 64}
)

const (
	idleRow   = "decode, 135M Q4_0"
	busyLoops = 2
	ik        = "ik_llama.cpp"
	llamaCPP  = "llama.cpp"
)

// rows lists what there is to time, and what Limbeck is to reach.
func (d *driver) rows() []row {
	var out []row
	work := func(what string, f file, w bench.Work, goals ...goal) {
		m := d.path(f)
		r := row{name: fmt.Sprintf("%s, %s", what, f), unit: tokens, files: []file{f}, sides: []side{d.limbeckWork(m, w)},
			goals: append(goals, memoryBeside(m))}
		for _, p := range d.peers {
			r.sides = append(r.sides, p.work(m, w))
		}
		out = append(out, r)
	}
	for _, x := range []struct {
		file  file
		times float64
	}{{smol4, 1.6}, {smolK, 1.4}, {smol8, 1.4}, {llama4, 1.5}, {llamaK, 1.4}} {
		work("prompt 512", x.file, prompt, atLeast(x.times, ik))
	}
	work("prompt 512", smol41, prompt, atLeast(1, llamaCPP))
	work("decode", smol4, decode, either(atLeast(1.3, ik), ofLimit(0.8)))
	work("decode", smol41, decode, atLeast(1, llamaCPP))
	for _, f := range []file{llama4, llamaK, llama8} {
		work("decode", f, decode, ofLimit(0.9), atLeast(1, ik))
	}
	work("decode at 8,192", smol4, deep, atLeast(1.5, ik))
	work("16 requests", smol4, requests, atLeast(3.5, ik))
	out = append(out, d.busyRow(), d.firstRow(llama4, within(0.2)), d.firstRow(llamaK), d.keptRow(), d.quantizeRow("q4_0"), d.quantizeRow("q8_0"))
	return append(out, d.trainRow("f32", atLeast(3, torch), memoryAtMost(3e9)), d.trainRow("bf16", atLeast(3, torch)))
}

// busyRow decodes while endless loops want the cores. The peers' threads spin at
// their barriers, unless OpenMP is told to wait passively.
func (d *driver) busyRow() row {
	m, w := d.path(smol4), decode
	w.Write = 16 // it may be slow
	r := row{name: fmt.Sprintf("decode, %d loops, %s", busyLoops, smol4), unit: tokens, files: []file{smol4},
		sides: []side{d.limbeckWork(m, w)}, goals: []goal{ofIdle(0.3, idleRow), atLeast(3, ik), memoryBeside(m)}, beside: idleRow}
	for _, p := range d.peers {
		s := side{name: p.name}
		for _, env := range [][]string{nil, {"OMP_WAIT_POLICY=passive"}} {
			s.variants = append(s.variants, variant{strings.Join(append(env, p.flags[0]...), " "), func(ctx context.Context) (sample, error) {
				return p.bench(ctx, m, append(p.workArgs(w), p.flags[0]...), env)
			}})
		}
		r.sides = append(r.sides, s)
	}
	for i := range r.sides {
		for j, v := range r.sides[i].variants {
			r.sides[i].variants[j].run = func(ctx context.Context) (sample, error) {
				return whileBusy(busyLoops, func() (sample, error) {
					s, err := v.run(ctx)
					s.limit = 0 // that of all cores
					return s, err
				})
			}
		}
	}
	return r
}

// firstRow loads a model that is in the system's cache and computes one token:
// whole processes, from start to end.
func (d *driver) firstRow(f file, goals ...goal) row {
	m := d.path(f)
	r := row{name: fmt.Sprintf("first token, %s", f), unit: seconds, files: []file{f}, sides: []side{d.limbeckFirst(m)}, goals: append(goals, memoryBeside(m))}
	for _, p := range d.peers {
		r.sides = append(r.sides, p.first(m))
	}
	return r
}

// keptRow is firstRow with the packed weights kept by an earlier run, which no peer
// does.
func (d *driver) keptRow() row {
	m := d.path(llama4)
	return row{name: fmt.Sprintf("first token, packed weights kept, %s", llama4), unit: seconds, files: []file{llama4}, sides: []side{d.limbeckKept(m)},
		goals: []goal{within(0.1), memoryBeside(m)}}
}

// quantizeRow quantizes the larger model: whole processes.
func (d *driver) quantizeRow(format string) row {
	from := d.path(big)
	r := row{name: fmt.Sprintf("quantize, %s to %s", big, strings.ToUpper(format)), unit: megabytes, files: []file{big}, goals: []goal{atLeast(1.5, llamaCPP)}}
	r.sides = append(r.sides, d.quantizing(limbeckName, from, format, func(to string) command {
		return d.limbeck("quantize", from, format, "--out", to)
	}))
	for _, p := range d.peers {
		r.sides = append(r.sides, d.quantizing(p.name, from, format, func(to string) command { return p.quantize(from, to, format) }))
	}
	return r
}
