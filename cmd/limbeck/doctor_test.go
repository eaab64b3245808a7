package main

import (
	"strings"
	"testing"

	"limbeck/eval/bench"
	"limbeck/internal/machine"
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
