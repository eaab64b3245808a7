package kernel

import (
	"slices"
	"strings"
	"testing"
)

func TestChooseTier(t *testing.T) {
	for _, c := range []struct{ name, best, want, err string }{
		{"", "avx2", "avx2", ""},
		{"generic", "avx2", "generic", ""},
		{"avx2", "avx2", "avx2", ""},
		{"avx2", "avx512", "avx2", ""},
		{"avx512", "avx512bf16", "avx512", ""},
		{"avx512bf16", "avx512bf16", "avx512bf16", ""},
		{"avx512", "avx2", "", "LIMBECK_CPU=avx512: this build on this processor goes up to avx2"},
		{"amx", "amx", "amx", ""},
		{"sse", "avx2", "", "LIMBECK_CPU=sse: want one of " + strings.Join(Tiers(), ", ")},
	} {
		got, err := chooseTier(c.name, tier(slices.Index(tierNames[:], c.best)))
		if err != nil && err.Error() != c.err || err == nil && (c.err != "" || got.String() != c.want) {
			t.Errorf("chooseTier(%q, %s) = %v, %v, want %s, %q", c.name, c.best, got, err, c.want, c.err)
		}
	}
}
