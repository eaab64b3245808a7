//go:build !purego

package kernel

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"
)

// A routine is one of assembly, with the comments before it.
type routine struct{ file, name, text string }

var avx512Names = regexp.MustCompile(`(AVX512|FMA512|VNNI|x(16|32)v\d)$`)

// tier returns the tier that the routine's name says it is of.
func (r routine) tier() tier {
	switch {
	case strings.HasSuffix(r.name, "AMX"):
		return tierAMX
	case strings.HasSuffix(r.name, "BF16"):
		return tierBF16
	case avx512Names.MatchString(r.name):
		return tierAVX512
	}
	return tierAVX2
}

// routines returns all routines of assembly.
func routines(t *testing.T) (all []routine) {
	t.Helper()
	files, err := filepath.Glob("*_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly: %v", err)
	}
	label := regexp.MustCompile(`(?m)^TEXT ·(\w+)\(SB\)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\n// func ")
		for _, r := range strings.Split(rest, "\n// func ") {
			name := label.FindAllStringSubmatch(r, -1)
			if len(name) != 1 {
				t.Fatalf("%s: not one routine: %.80s", file, r)
			}
			all = append(all, routine{file, name[0][1], r})
		}
	}
	return all
}

// TestStaysWithinAVX2 looks for what the register allocator falls back to when
// a routine needs more than 16 registers, and for what else only AVX-512 has.
func TestStaysWithinAVX2(t *testing.T) {
	beyond := regexp.MustCompile(`AVX512\w*|\b[XY](1[6-9]|2\d|3[01])\b|\b[ZK]\d`)
	for _, r := range routines(t) {
		if r.tier() != tierAVX2 {
			continue
		}
		if bad := beyond.FindString(r.text); bad != "" {
			t.Errorf("%s: %s uses %s", r.file, r.name, bad)
		}
	}
}

// TestTiersAskForWhatTheyUse makes a processor lack, one by one, what routines
// require: the tier of each, or one below, has to miss it.
func TestTiersAskForWhatTheyUse(t *testing.T) {
	was := cpu.X86
	defer func() { cpu.X86 = was }()
	x := &cpu.X86
	flags := map[string]*bool{
		"AVX": &x.HasAVX2, "AVX2": &x.HasAVX2, "FMA3": &x.HasFMA, "F16C": &x.HasF16C, "BMI2": &x.HasBMI2,
		"AVX512F": &x.HasAVX512F, "AVX512BW": &x.HasAVX512BW, "AVX512DQ": &x.HasAVX512DQ, "AVX512VNNI": &x.HasAVX512VNNI,
		"AMXTILE": &x.HasAMXTile, "AMXBF16": &x.HasAMXBF16, "AMXINT8": &x.HasAMXInt8,
	}
	for _, name := range []string{"CMOV", "MMX+", "SSE"} { // every amd64 has these
		flags[name] = nil
	}
	lacks := func(most tier) (names []string) {
		for c := tierGeneric + 1; c <= most; c++ {
			names = append(names, missing(c)...)
		}
		return names
	}
	requires := regexp.MustCompile(`(?m)^// Requires: (.*)$`)
	for _, r := range routines(t) {
		for _, name := range strings.Split(requires.FindStringSubmatch(r.text)[1], ", ") {
			flag, known := flags[name]
			if !known {
				t.Fatalf("%s requires %s, which this test does not know", r.name, name)
			}
			if flag == nil {
				continue
			}
			*flag = true
			with := lacks(r.tier())
			*flag = false
			misses := func(name string) bool { return !slices.Contains(with, name) }
			if !slices.ContainsFunc(lacks(r.tier()), misses) {
				t.Errorf("%s requires %s, which tier %v does not ask for", r.name, name, r.tier())
			}
		}
	}
}

// Products ask for weights ahead, or do not, as TestMatMulIsTheLoop leaves out, and are
// the same.
func TestMatMulAsksAhead(t *testing.T) {
	if current < tierAVX512 {
		t.Skipf("tier %s does not", current)
	}
	x := &cpu.X86
	defer func(had bool) {
		x.HasAVXVNNI = had
		setTier(current)
	}(x.HasAVXVNNI)
	was := highAhead
	x.HasAVXVNNI = !x.HasAVXVNNI
	if setTier(current); highAhead == was {
		t.Fatalf("asks %d bytes ahead with AVX-VNNI and without", was)
	}
	testMatMulIsTheLoop(t)
}
