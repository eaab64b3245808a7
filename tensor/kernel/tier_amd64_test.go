//go:build !purego

package kernel

import (
	"reflect"
	"slices"
	"testing"

	"golang.org/x/sys/cpu"
)

// A processor that lacks BF16 alone goes up to avx512, and the tier above says
// what it lacks.
func TestTierWithoutBF16(t *testing.T) {
	if bestTier() < tierAVX512 {
		t.Skip("this processor lacks more than BF16")
	}
	defer func(had bool) { cpu.X86.HasAVX512BF16 = had }(cpu.X86.HasAVX512BF16)
	cpu.X86.HasAVX512BF16 = false
	next, lacks := NextTier()
	if BestTier() != "avx512" || next != "avx512bf16" || !slices.Equal(lacks, []string{"BF16"}) {
		t.Errorf("best tier %s, next %q, for which %v is missing; want avx512, avx512bf16 and BF16", BestTier(), next, lacks)
	}
}

// A processor whose dot products of bf16 are slower than FMA does without, unless it has
// tiles beside.
func TestTierWithSlowBF16(t *testing.T) {
	if bestTier() < tierAVX512 {
		t.Skip("this processor lacks more than BF16")
	}
	x := &cpu.X86
	defer func(bf16, amx bool, permitted func() bool) {
		x.HasAVX512BF16, x.HasAMXBF16, tilesPermitted = bf16, amx, permitted
	}(x.HasAVX512BF16, x.HasAMXBF16, tilesPermitted)
	x.HasAVX512BF16, x.HasAMXBF16, tilesPermitted = true, true, func() bool { return false }
	if next, lacks := NextTier(); BestTier() != "avx512" || next != "avx512bf16" || len(lacks) != 1 {
		t.Errorf("best tier %s, next %q, for which %v is missing; want avx512, avx512bf16 and one thing", BestTier(), next, lacks)
	}
}

// Below their tier, no product of pairs counts as fast and no limit is in bf16.
func TestBF16IsATierOfItsOwn(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		own := current >= tierBF16
		bf16 := slices.ContainsFunc(Peaks(), func(p Peak) bool { return p.Kind == "bf16" })
		if FastPairs() != own || bf16 != own {
			t.Errorf("fast pairs: %v, a limit in bf16: %v, want %v", FastPairs(), bf16, own)
		}
	})
}

// Every layout but those of panels multiplies by assembly of its own, which the tiers set,
// and none is left in the lowest. Those that are not widened decode by it.
func TestEveryLayoutHasAssembly(t *testing.T) {
	defer setTier(current)
	for _, f := range packedFormats {
		if f.layout == F32x16 || f.layout.X == Pairs { // by MulPanels, or by products of pairs
			continue
		}
		a := assemblies[f.layout.Name]
		setTier(tierAVX2)
		avx2 := *a
		setTier(tierAVX512)
		avx512 := *a
		setTier(tierAMX)
		amx, used := *a, false
		a.few = &tiles{1: func(*float32, int, *byte, int, *byte, int, int, uint16) { used = true }}
		cols := f.columns(64)
		y, x := make([]float32, GroupRows), make([]float32, f.layout.X.Words(cols))
		f.layout.MatMul(y, GroupRows, x, 1, make([]byte, f.layout.Bytes(GroupRows, cols)), GroupRows, cols, 0, 1)
		setTier(tierGeneric)
		for what, has := range map[string]bool{
			"no AVX2 tiles":                  avx2.few != nil,
			"no AVX-512 tiles":               avx512.few != nil && avx512.few != avx2.few && avx512.many == nil,
			"no AVX-512 tiles of two groups": avx512.pairs != nil || f.layout.X != Q8,
			"no AMX tiles":                   amx.crowd != nil || !f.layout.Int8(),
			"no panel":                       avx2.panel != nil || !f.layout.Int8(),
			"tiles that it does not use":     used,
			"assembly in the generic tier":   reflect.ValueOf(*a).IsZero(),
		} {
			if !has {
				t.Errorf("%s has %s", f.layout.Name, what)
			}
		}
	}
}
