package main

import (
	"strings"
	"testing"

	"limbeck/eval/bench"
	"limbeck/internal/machine"
	"limbeck/tensor/kernel"
)

// A rate over the limit of memory is explained; one within it needs no words.
func TestDoctorExplainsCaches(t *testing.T) {
	for rate, want := range map[float64]bool{131: true, 99: false} {
		f := bench.Forecast{Work: bench.Work{Kind: bench.Decode, Tokens: 1, Batch: 1, Write: 32}, Rate: rate}
		m := modelDiagnosis{Path: "m.gguf", Rates: []expectedRate{newExpected(f, 100, "memory")}}
		var b strings.Builder
		m.write(&b, 0)
		if got := strings.Contains(b.String(), "over 100 %"); got != want {
			t.Errorf("%v of a limit of 100: explained %v, want %v:\n%s", rate, got, want, &b)
		}
	}
}

// The threads that doctor tells of are those it measured with, by --threads.
func TestDoctorTellsThreads(t *testing.T) {
	d := diagnosis{Machine: machine.Facts{Online: 8, Cores: 4, Threads: 4}, Limits: machine.Limits{Threads: 3}}
	var b strings.Builder
	d.write(&b)
	if want := "8, 4 for this process, 3 threads used"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, &b)
	}
}

// The table of limits has room for what they consist of, and for the rates of as many
// threads as there may be.
func TestDoctorCutsNothing(t *testing.T) {
	l := machine.Limits{Threads: maxThreads}
	for _, p := range kernel.Peaks() {
		l.Arithmetic = append(l.Arithmetic, machine.Rate{Kind: p.Kind, By: p.By, One: 123e9, All: 123e12})
	}
	var b strings.Builder
	writeLimits(&b, &l)
	for _, r := range l.Arithmetic {
		if want := r.Kind + " arithmetic: " + r.By; !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

func TestDoctorSaysWhetherItFits(t *testing.T) {
	for _, test := range []struct {
		known         bool
		room, context int
		want          string
	}{
		{false, 0, 8192, "whether it fits is not known: the system does not tell what memory there is"},
		{true, 0, 8192, "does not fit: 100 MB are available"},
		{true, 1024, 8192, "fits with a context of at most 1,024 tokens: --ctx 1024"},
		{true, 8192, 8192, "fits, with all of its context"},
	} {
		m := modelDiagnosis{Known: test.known, Room: test.room, Context: test.context}
		if got := m.verdict(100e6); got != test.want {
			t.Errorf("%+v: %q, want %q", m, got, test.want)
		}
	}
}
