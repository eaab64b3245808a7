package token

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// hardSpec is testdata/hard.json; see testdata/hard.py, whose twin this is.
type hardSpec struct {
	Seed   uint64
	Count  int
	Pieces []string
	Spaces []string
	Digits []string
	Ranges [][2]int
}

type lcg uint64

func (g *lcg) below(n int) int {
	*g = *g*6364136223846793005 + 1442695040888963407
	return int((uint64(*g) >> 33) % uint64(n))
}

func pick[T any](g *lcg, from []T) T { return from[g.below(len(from))] }

func (s *hardSpec) piece(g *lcg) string {
	switch kind := g.below(16); {
	case kind < 10:
		return pick(g, s.Pieces)
	case kind == 10:
		space := pick(g, s.Spaces)
		return strings.Repeat(space, 1+g.below(20))
	case kind == 11:
		var b strings.Builder
		for n := 1 + g.below(8); n > 0; n-- {
			b.WriteString(pick(g, s.Digits))
		}
		return b.String()
	case kind == 12:
		return strings.Repeat(" ", 1+g.below(3))
	case kind == 13:
		return string(rune(1 + g.below(0x250)))
	case kind == 14:
		r := pick(g, s.Ranges)
		return string(rune(r[0] + g.below(r[1]-r[0])))
	}
	c := g.below(0x110000 - 0x800)
	if c >= 0xd800 {
		c += 0x800
	}
	return string(rune(c))
}

// hardText returns the strings that testdata/hard.py generates.
func hardText(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/hard.json")
	if err != nil {
		t.Fatal(err)
	}
	var s hardSpec
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	g := lcg(s.Seed)
	out := make([]string, s.Count)
	for i := range out {
		var b strings.Builder
		for n := 1 + g.below(12); n > 0; n-- {
			b.WriteString(s.piece(&g))
		}
		out[i] = b.String()
	}
	return out
}
