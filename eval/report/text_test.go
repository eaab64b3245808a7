package report

import (
	"bytes"
	"strings"
	"testing"

	"limbeck/internal/typeset"
)

func text(t *testing.T, r *Report, opts TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGoldenText(t *testing.T) {
	golden(t, "sample.txt", []byte(text(t, sample(), TextOptions{})))
}

// One example is one, of whatever split.
func TestTextCounts(t *testing.T) {
	for _, c := range []struct {
		data Data
		want string
	}{
		{Data{Path: "a", Split: "test", N: 1}, "a · 1 test example\n"},
		{Data{Path: "a", N: 1}, "a · 1 example\n"},
		{Data{Path: "a", Split: "test", N: 2000}, "a · 2,000 test examples\n"},
		{Data{Path: "a", N: 2}, "a · 2 examples\n"},
		{Data{Path: "a", Split: "test"}, "a · test\n"},
	} {
		if got := text(t, &Report{Data: c.data}, TextOptions{}); !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want in it %q", c.data, got, c.want)
		}
	}
}

// TestTextFits checks the width of every line, and that only wanted bytes are
// there, whatever the strings of the report are.
func TestTextFits(t *testing.T) {
	for name, r := range map[string]*Report{"sample": sample(), "hostile": hostile()} {
		for _, opts := range []TextOptions{{}, {Width: 60, Examples: 9}, {Width: 132}} {
			want := opts.Width
			if want == 0 {
				want = textWidth
			}
			for _, line := range strings.Split(text(t, r, opts), "\n") {
				if n := typeset.Width(line); n > want {
					t.Errorf("%s %+v: %d columns: %s", name, opts, n, line)
				}
				for _, c := range line {
					if c < ' ' {
						t.Fatalf("%s %+v: holds %q: %s", name, opts, c, line)
					}
				}
			}
		}
	}
}

func TestTextColor(t *testing.T) {
	plain, colored := text(t, sample(), TextOptions{}), text(t, sample(), TextOptions{Color: true})
	if strings.Contains(plain, "\x1b") || !strings.Contains(colored, "\x1b[31m") {
		t.Error("colors come only if asked for")
	}
	for _, style := range []string{bold, dim, red, green, accent, "0"} {
		colored = strings.ReplaceAll(colored, "\x1b["+style+"m", "")
	}
	if colored != plain {
		t.Error("colors change more than colors")
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{signed(0.04, 1), "0.0"}, {signed(2, 0), "+2"}, {signed(-1234, 0), "−1,234"}, {size(0), absent}, {size(2741856), "2.7 MB"},
		{params(134515008), "134.5 M"}, {seconds(N(0.0000123)), "12 µs"}, {seconds(N(0.0612)), "61.2 ms"}, {seconds(N(2)), "2.00 s"},
		{pvalue(N(0.0004)), "< 0.001"}, {pvalue(N(1)), "1.000"}, {percent(N(0.9787)), "97.9"}, {times(4.095), "4.1 ×"}, {number(N(0.0000507)), "0.0000507"},
		{trimZeros("100"), "100"}, {trimZeros("1.50"), "1.5"}, {Percent.delta(N(-0.0232)), "−2.3"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// Mass that is dropped is told by digits only where they are of use.
func TestFinePercents(t *testing.T) {
	values := []Num{N(0.0024), N(0), N(1e-10), N(9.99e-5), N(1e-4), {}}
	const want = "0.24, 0, <0.01, <0.01, 0.01, –"
	var page []string
	for _, n := range values {
		page = append(page, percentFine(n))
	}
	if got := strings.Join(page, ", "); got != want {
		t.Errorf("the page has %s, want %s", got, want)
	}
	const column = "0.240, 0, <0.01, <0.01, 0.010, –"
	if got := strings.Join(finePercents(values), ", "); got != column {
		t.Errorf("the column has %s, want %s", got, column)
	}
	if got := strings.Join(finePercents(values[1:3]), ", "); got != "0, <0.01" {
		t.Errorf("without others the column has %s", got)
	}
}

// A value and its error have the same decimals: those of the values, or more where an
// error would be 0 else.
func TestWithErrors(t *testing.T) {
	for _, c := range []struct {
		values, errors []Num
		want           string
	}{
		{[]Num{N(0.0023)}, []Num{N(0.0006)}, "0.0023 ± 0.0006"},
		{[]Num{N(0.11), {}}, []Num{N(0.0047), {}}, "0.110 ± 0.005, –"},
		{[]Num{N(0.062), N(0.2), N(0)}, []Num{N(0.012), {}, N(0)}, "0.062 ± 0.012, 0.200, 0.000 ± 0.000"},
		{[]Num{N(0.062), {}}, []Num{{}, N(0.01)}, "0.062, –"},
		{[]Num{N(7.5), N(0.0011)}, []Num{N(0.31), N(0.0002)}, "7.5 ± 0.3, 0.0011 ± 0.0002"},
		{[]Num{N(0.062), N(0.031)}, []Num{N(0.003), N(0.000001)}, "0.062 ± 0.003, 0.031000 ± 0.000001"},
	} {
		if got := strings.Join(withErrors(c.values, c.errors), ", "); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// Names that end alike keep their ends.
func TestCutNames(t *testing.T) {
	if got := cutNames([]string{"embedded-teacher-q8", "embedded-teacher-f32", "other"}, 12); got[0] == got[1] || got[2] != "other" {
		t.Errorf("names %q are the same", got)
	}
}
