package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"limbeck/eval/bench"
)

// A llama is llama.cpp or its fork: alike, but for some flags.
type llama struct {
	name    string
	bin     string // folder of its programs
	threads string
	flags   [][]string                  // what may be its best, for any program
	cold    []string                    // makes llama-bench do nothing before it times
	depth   func(after, n int) []string // makes it write n tokens after others
}

func newLlama(bin string, threads int) *llama {
	return &llama{
		name: llamaOrigin.name, bin: bin, threads: strconv.Itoa(threads),
		flags: [][]string{{"-fa", "1"}, {"-fa", "0"}},
		cold:  []string{"--no-warmup"},
		depth: func(after, n int) []string {
			return []string{"-p", "0", "-n", strconv.Itoa(n), "-d", strconv.Itoa(after)}
		},
	}
}

func newIK(bin string, threads int) *llama {
	return &llama{
		name: ikOrigin.name, bin: bin, threads: strconv.Itoa(threads),
		flags: [][]string{{"-rtr", "1", "-fa", "1"}, {"-fa", "1"}, {"-rtr", "1", "-fa", "0"}},
		cold:  []string{"-w", "0"},
		depth: func(after, n int) []string {
			return []string{"-p", "0", "-n", "0", "-gp", fmt.Sprintf("%d,%d", after, n)}
		},
	}
}

func (l *llama) program(name string, args ...string) command {
	return command{args: append([]string{filepath.Join(l.bin, name)}, args...), dir: l.bin}
}

// quantize returns the command that stores from in a format. The embedding is
// stored as Limbeck's is where the format is no mix.
func (l *llama) quantize(from, to, format string) command {
	args := []string{from, to, strings.ToUpper(format), l.threads}
	if !strings.Contains(format, "_k_") {
		args = append([]string{"--token-embedding-type", "q8_0", "--output-tensor-type", "q8_0"}, args...)
	}
	return l.program("llama-quantize", args...)
}

// side returns the ways to do what run does.
func (l *llama) side(flags [][]string, run func(ctx context.Context, flags []string) (sample, error)) side {
	s := side{name: l.name}
	for _, f := range flags {
		s.variants = append(s.variants, variant{strings.Join(f, " "), func(ctx context.Context) (sample, error) { return run(ctx, f) }})
	}
	return s
}

// work returns the side that does a work: 16 requests, or what llama-bench
// knows.
func (l *llama) work(model string, w bench.Work) side {
	if w.Kind == bench.Requests {
		return l.requests(model, w)
	}
	return l.side(l.flags, func(ctx context.Context, flags []string) (sample, error) {
		return l.bench(ctx, model, append(l.workArgs(w), flags...), nil)
	})
}

// workArgs returns the arguments of llama-bench for a prompt or a decode. It
// repeats short works itself.
func (l *llama) workArgs(w bench.Work) []string {
	switch {
	case w.Kind == bench.Prompt:
		return []string{"-p", strconv.Itoa(w.Tokens), "-n", "0", "-r", "3"}
	case w.Tokens > 1:
		return append(l.depth(w.Tokens, w.Write), "-r", "1")
	}
	return []string{"-p", "0", "-n", strconv.Itoa(w.Write), "-r", "1"}
}

// bench runs llama-bench.
func (l *llama) bench(ctx context.Context, model string, args, env []string) (sample, error) {
	c := l.program("llama-bench", append([]string{"-m", model, "-t", l.threads, "-o", "json"}, args...)...)
	c.env = env
	p, err := c.run(ctx)
	if err != nil {
		return sample{}, err
	}
	rate, err := parseBench(p.out)
	return sample{Value: rate, Memory: p.memory, seconds: p.seconds}, err
}

// parseBench returns the median rate of a test of llama-bench -o json.
func parseBench(text []byte) (float64, error) {
	start := bytes.Index(append([]byte{'\n'}, text...), []byte("\n[")) // there may be words before
	if start < 0 {
		return 0, fmt.Errorf("llama-bench printed no JSON%s", lastLines(text))
	}
	var tests []struct {
		Samples []float64 `json:"samples_ts"`
	}
	if err := json.NewDecoder(bytes.NewReader(text[start:])).Decode(&tests); err != nil {
		return 0, fmt.Errorf("llama-bench: %w", err)
	}
	if len(tests) != 1 || bench.Median(tests[0].Samples) <= 0 {
		return 0, fmt.Errorf("llama-bench printed %d tests, want one with its samples", len(tests))
	}
	return bench.Median(tests[0].Samples), nil
}

// requests returns the side that answers requests which come at once.
func (l *llama) requests(model string, w bench.Work) side {
	room := w.Batch * (w.Tokens + w.Write)
	return l.side(l.flags, func(ctx context.Context, flags []string) (sample, error) {
		p, err := l.program("llama-batched-bench", append(batched(flags), "-m", model, "-t", l.threads, "-c", strconv.Itoa(room),
			"-npp", strconv.Itoa(w.Tokens), "-ntg", strconv.Itoa(w.Write), "-npl", strconv.Itoa(w.Batch))...).run(ctx)
		if err != nil {
			return sample{}, err
		}
		seconds, err := parseBatched(append(p.out, p.errs...), w)
		if err != nil {
			return sample{}, err
		}
		return sample{Value: float64(w.Batch*w.Write) / seconds, Memory: p.memory}, nil
	})
}

// batched returns flags of llama-bench as the other programs take them: there
// -rtr stands alone.
func batched(flags []string) []string {
	var out []string
	for i, f := range flags {
		if i == 0 || flags[i-1] != "-rtr" {
			out = append(out, f)
		}
	}
	return out
}

// parseBatched returns the seconds that llama-batched-bench took for a work, of
// the row of its table: PP, TG, B, N_KV, T_PP, S_PP, T_TG, S_TG, T, S.
func parseBatched(text []byte, w bench.Work) (float64, error) {
	const prompt, write, batch, total, columns = 0, 1, 2, 8, 10
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		cells := strings.Split(strings.Trim(s.Text(), "| "), "|")
		if len(cells) != columns {
			continue
		}
		is := func(column, n int) bool { return strings.TrimSpace(cells[column]) == strconv.Itoa(n) }
		if !is(prompt, w.Tokens) || !is(write, w.Write) || !is(batch, w.Batch) {
			continue
		}
		t, err := strconv.ParseFloat(strings.TrimSpace(cells[total]), 64)
		if err != nil || !(t > 0) {
			return 0, fmt.Errorf("llama-batched-bench: %q is no time", cells[total])
		}
		return t, nil
	}
	return 0, fmt.Errorf("llama-batched-bench printed no row of %s%s", w, lastLines(text))
}

// first returns the side that loads a model and computes one token, timed from
// the start of the process to its end.
func (l *llama) first(model string) side {
	return l.side(l.flags, func(ctx context.Context, flags []string) (sample, error) {
		s, err := l.bench(ctx, model, append(append([]string{"-p", "1", "-n", "0", "-r", "1"}, l.cold...), flags...), nil)
		s.Value = s.seconds
		return s, err
	})
}
