package kernel

import (
	"math"
	"slices"
	"testing"
	"unicode/utf8"
)

// Every tier has the limits that reports need, each counts its operations, and
// what is read is read to the end.
func TestPeaks(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		var kinds []string
		for _, p := range Peaks() {
			kinds = append(kinds, p.Kind)
			if p.By == "" {
				t.Errorf("%s: nothing says what it consists of", p.Kind)
			}
			if one, many := p.Run(1), p.Run(1000); one < 2 || many != 1000*one {
				t.Errorf("%s: %v operations in a turn, %v in 1,000", p.Kind, one, many)
			}
		}
		if !slices.Contains(kinds, "f32") || !slices.Contains(kinds, "int8") {
			t.Errorf("limits of %v, want f32 and int8", kinds)
		}
	})
}

// What a limit consists of has room in a table of 80 columns, beside the rates of one
// thread and of 1,024, whichever tier this machine has.
func TestPeaksFitTables(t *testing.T) {
	const room = 80 - len(" arithmetic: ") - len("  GOP/s") - len("  1 thread") - len("  1024 threads")
	defer setTier(current)
	for at, d := range definitions {
		if d.use == nil { // this build has it not
			continue
		}
		setTier(tier(at))
		for _, p := range Peaks() {
			if n := utf8.RuneCountInString(p.Kind + p.By); n > room {
				t.Errorf("%s: %q has %d characters with %q, want %d at most", current, p.By, n, p.Kind, room)
			}
		}
	}
}

// What is read is read to the end.
func TestReadMemory(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for n := range 70 {
			p := make([]float32, n+1)
			if !ReadMemory(p) || !ReadMemory(p[:0]) {
				t.Errorf("%d zeros are not zero", len(p))
			}
			if p[n] = math.Float32frombits(0x01010101); ReadMemory(p) {
				t.Errorf("the last of %d was not read", len(p))
			}
		}
	})
}

func TestNextTier(t *testing.T) {
	next, lacks := NextTier()
	if best := BestTier(); (next == "") != (best == tierNames[len(tierNames)-1]) || (next != "") != (len(lacks) > 0) {
		t.Errorf("best tier %s, next %q, for which %v is missing", best, next, lacks)
	}
}
