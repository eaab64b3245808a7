package data

import "testing"

func TestOnly(t *testing.T) {
	for _, c := range []struct {
		text, value string
		want        span
	}{
		{"at six", "six", span{3, 6}},
		{"sixty six", "six", span{6, 9}},
		{"six six", "six", span{}},
		{"sixty", "six", span{}},
		{"café's", "café", span{0, 5}},
		{"é six", "", span{}},
	} {
		if got := only(c.text, c.value); got != c.want {
			t.Errorf("%q in %q: got %v, want %v", c.value, c.text, got, c.want)
		}
	}
}
