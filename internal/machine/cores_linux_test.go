package machine

import "testing"

func TestCountList(t *testing.T) {
	for text, want := range map[string]int{"0-3\n": 4, "0": 1, "0-1,4,6-7": 5, "": 0, "3-1": 0, "a-b": 0} {
		if got := countList(text); got != want {
			t.Errorf("%q: %d cores, want %d", text, got, want)
		}
	}
}

func TestParseQuota(t *testing.T) {
	for text, want := range map[string]float64{"150000 100000\n": 1.5, "max 100000": 0, "": 0, "1 0": 0, "-1 2": 0} {
		if got := parseQuota(text); got != want {
			t.Errorf("%q: %v cores, want %v", text, got, want)
		}
	}
}

func TestParseTimes(t *testing.T) {
	got := parseTimes("cpu  100 20 30 400 50 6 7 8 90 9\ncpu0 1 2 3\n")
	if want := (times{all: 621, idle: 450, steal: 8}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, text := range []string{"", "cpu 1 2", "cpu a b c d e f g h", "intr 1 2 3 4 5 6 7 8"} {
		if got := parseTimes(text); got != (times{}) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
