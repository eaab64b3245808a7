package data

import (
	"fmt"
	"testing"
)

// Labels that metrics take for one are counted as one, and told apart by their spellings.
func TestRespelled(t *testing.T) {
	for name, c := range map[string]struct {
		labels []string
		want   string
	}{
		"case":          {[]string{"off", "on", "On"}, `2 1 "On" "on"`},
		"spaces":        {[]string{"on", "on "}, `1 1 "on" "on "`},
		"several":       {[]string{"b", "B", "a", "A", "a\t", "c"}, `3 2 "A" "a"`},
		"all different": {[]string{"off", "on", "on it"}, `3 0 "" ""`},
	} {
		var all []Example
		for i, label := range c.labels {
			all = append(all, NewLabeled(fmt.Sprint("text ", i), label), NewLabeled(fmt.Sprint("other ", i), label))
		}
		d := Detect(all)
		labels, one, other := d.Respelled()
		if got := fmt.Sprintf("%d %d %q %q", d.Classes(), labels, one, other); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
