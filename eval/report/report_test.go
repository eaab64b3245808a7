package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

// golden compares with a file under testdata, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s, line %d: got\n%s\nwant\n%s\n(rewrite with -update)", name, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %d lines, want %d (rewrite with -update)", name, len(g), len(w))
}

func jsonOf(t *testing.T, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJSONRoundTrip(t *testing.T) {
	want := sample()
	want.Version = Version
	b := jsonOf(t, want)
	got, err := ReadJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("what was read differs from what was written")
	}
	if again := jsonOf(t, got); !bytes.Equal(again, b) {
		t.Error("written twice, the bytes differ")
	}
}

// What was written is known by how it begins; what others wrote is not.
func TestBegins(t *testing.T) {
	var page bytes.Buffer
	if err := sample().WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if text := jsonOf(t, sample()); !BeginsHTML(page.Bytes()[:256]) || !BeginsJSON(text[:256]) || BeginsHTML(text) || BeginsJSON(page.Bytes()) {
		t.Error("a report is not known, or taken for the other kind")
	}
	for _, other := range []string{"", "<!DOCTYPE html>\n<html>\n", "{\n \"text\": \"lights on\"\n}\n"} {
		if BeginsHTML([]byte(other)) || BeginsJSON([]byte(other)) {
			t.Errorf("%q is taken for a report", other)
		}
	}
}

// TestJSONSchema pins the names and the order of the fields.
func TestJSONSchema(t *testing.T) {
	r := &Report{Models: []Model{{Quality: []Metric{{}}, Parts: []Part{{}}, Lineage: []Origin{{}}, Divergence: &Divergence{},
		Cost: Cost{Prices: []Price{{}}}}}, Pairs: []Pair{{}}, Curves: []Curve{{Points: []CurvePoint{{}}}},
		Tables:   []Table{{Columns: []Column{{}}, Rows: [][]Cell{{{}}}}},
		Examples: []Example{{Replies: []Reply{{}}}}, Notes: []Note{{}}, Metrics: []MetricInfo{{}}}
	golden(t, "schema.json", jsonOf(t, r))
}

func TestNumJSON(t *testing.T) {
	third := 1.0 / 3
	for _, c := range []struct {
		n    Num
		want string
	}{{Num{}, "null"}, {N(math.NaN()), "null"}, {N(math.Inf(-1)), "null"}, {N(0), "0"}, {N(third), "0.3333333333333333"}} {
		b, err := json.Marshal(c.n)
		if err != nil || string(b) != c.want {
			t.Errorf("%v: %s, %v; want %s", c.n, b, err, c.want)
		}
		var back Num
		if err := json.Unmarshal(b, &back); err != nil || back != c.n {
			t.Errorf("%s reads as %v, %v", b, back, err)
		}
	}
}

func TestReadJSONRefuses(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"schema_version": 99}`, "schema_version 99, want 2"},
		{`{`, "read JSON"},
		{`{"schema_version": 1, "models": [{"quality": [{"value": "x"}]}]}`, "number"},
	} {
		if _, err := ReadJSON(strings.NewReader(c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.in, err, c.want)
		}
	}
}

// TestUntimed checks that two runs with other times agree once untimed, and
// that what they computed is kept.
func TestUntimed(t *testing.T) {
	a, b := sample(), sample()
	b.Created = "2027-01-01T00:00:00Z"
	for i := range b.Models {
		b.Models[i].Speed = Speed{Decode: around(1), Latencies: []Num{N(1), N(2)}, PeakMemory: 5}
		b.Models[i].Cost.PerThousand = N(7)
	}
	if !bytes.Equal(jsonOf(t, a.Untimed()), jsonOf(t, b.Untimed())) {
		t.Error("reports differ in more than times")
	}
	b.Models[1].Quality[0].Value = N(0.5)
	if bytes.Equal(jsonOf(t, a.Untimed()), jsonOf(t, b.Untimed())) {
		t.Error("a different score went unnoticed")
	}
	if a.Created == "" || len(a.Models[1].Speed.Latencies) == 0 {
		t.Error("the report itself was changed")
	}
}

// partial are reports with holes where a careless rendering would fall in.
func partial() map[string]*Report {
	one := func(m Model) *Report { return &Report{Models: []Model{m}} }
	return map[string]*Report{
		"empty":           {},
		"nameless model":  one(Model{}),
		"teacher only":    one(Model{Name: "t", Role: Teacher, Quality: []Metric{{Name: "exact_match", Value: N(0.5)}}}),
		"two bare models": {Models: []Model{{Role: Teacher}, {Role: Student}}, Pairs: []Pair{{}}, Examples: []Example{{Replies: []Reply{{}}}}},
		"equal points": {Models: []Model{{Name: "a", Role: Teacher, Bytes: 5, Quality: []Metric{{Name: "x", Value: N(1)}}},
			{Name: "b", Role: Student, Bytes: 5, Quality: []Metric{{Name: "x", Value: N(1)}}}}},
		"huge": {Models: []Model{{Name: "a", Role: Teacher, Bytes: math.MaxInt64, Params: math.MinInt64, Quality: []Metric{{Name: "x", Value: N(math.MaxFloat64)}}, Parts: []Part{{"p", math.MaxInt64}, {"q", math.MaxInt64}}},
			{Name: "b", Role: Student, Bytes: -5, Quality: []Metric{{Name: "x", Value: N(-math.MaxFloat64)}}, Speed: Speed{Latencies: []Num{N(1e300), N(-1), N(0), N(5e-324)}}}},
			Pairs: []Pair{{A: "a", B: "b", Metric: "x", Lo: N(-math.MaxFloat64), Hi: N(math.MaxFloat64), RatioLo: N(math.MaxFloat64)}}},
		"ragged table": {Tables: []Table{{}, {Columns: []Column{{}, {Unit: Percent}}, Rows: [][]Cell{nil, {{}}, {{}, {}, {}}}}}},
		"odd curves":   {Curves: []Curve{{}, {Points: []CurvePoint{{Step: 1, Train: N(1)}}}, {Points: []CurvePoint{{Step: 5, Train: N(-1), Metric: N(2)}, {Step: 5, Validation: N(0), Metric: N(2)}}}}},
		"flat forest":  {Pairs: []Pair{{Metric: "exact_match", Lo: N(0), Hi: N(0), Diff: N(0)}}},
	}
}

func TestPartialReports(t *testing.T) {
	for name, r := range partial() {
		t.Run(name, func(t *testing.T) {
			text(t, r, TextOptions{})
			page := render(t, r)
			for _, bad := range []string{"NaN", "Inf%", "-Inf", "+Inf"} {
				if strings.Contains(page, bad) {
					t.Errorf("the page holds %s", bad)
				}
			}
			if _, err := ReadJSON(bytes.NewReader(jsonOf(t, r))); err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzReadJSON feeds bytes to the reader; what it accepts must render.
func FuzzReadJSON(f *testing.F) {
	var b bytes.Buffer
	short := sample() // small seeds fuzz faster
	for i := range short.Models {
		short.Models[i].Speed.Latencies = []Num{N(0.1), N(0.2)}
	}
	for i := range short.Curves {
		short.Curves[i].Points = short.Curves[i].Points[:3]
	}
	for _, r := range []*Report{{}, short, partial()["huge"], partial()["ragged table"], partial()["odd curves"]} {
		b.Reset()
		if err := r.WriteJSON(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(b.Bytes()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ReadJSON(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, write := range []func(io.Writer) error{r.WriteHTML, r.WriteJSON,
			func(w io.Writer) error { return r.WriteText(w, TextOptions{Color: true}) }} {
			if err := write(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
	})
}
