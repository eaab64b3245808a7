package report

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The axis tells its ticks apart, also where nothing differs.
func TestForestAxis(t *testing.T) {
	pair := func(v float64) []Pair { return []Pair{{Diff: N(v), Lo: N(2 * v), Hi: N(v / 2)}} }
	for _, c := range []struct {
		pairs  []Pair
		factor float64
		want   string
	}{
		{pair(0), 1, "−1 −0.5 0 +0.5 +1"},
		{pair(0), 100, "−1 −0.5 0 +0.5 +1"}, // points
		{pair(1e-15), 1, "−1 −0.5 0 +0.5 +1"},
		{nil, 100, "−1 −0.5 0 +0.5 +1"},
		{pair(-0.05), 100, "−10 −8 −6 −4 −2 0"},
		{pair(-200000), 1, "−400,000 −300,000 −200,000 −100,000 0"},
	} {
		axis := string(forestAxis(forestScale(c.pairs, c.factor), c.factor))
		var labels []string
		for _, m := range regexp.MustCompile(`>([^<]+)</text>`).FindAllStringSubmatch(axis, -1) {
			labels = append(labels, m[1])
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v: %q, want %q", c.pairs, got, c.want)
		}
		if slices.Sort(labels); len(slices.Compact(labels)) != len(labels) {
			t.Errorf("%v: labels that are the same: %q", c.pairs, labels)
		}
	}
}
