package report

import (
	"bytes"
	"strings"
	"testing"
)

// A report of tables and plots alone says nothing of models.
func TestPlots(t *testing.T) {
	r := Report{Title: "Bench", Plots: []Plot{
		{Title: "Reading", X: "tokens", Y: "tokens/s", Lines: []Line{
			{Name: "a <b>", Points: []Point{{64, N(100)}, {512, N(120)}, {2048, Num{}}}},
			{Name: "limit", Limit: true, Points: []Point{{64, N(200)}, {512, N(190)}}},
		}},
		{Title: "Empty plot", Lines: []Line{{Name: "none"}}},
	}, Tables: []Table{{Title: "Rates", Columns: []Column{{Name: "work"}, {Name: "rate"}}, Rows: [][]Cell{{{Text: "x"}, {Value: N(1)}}}}}}
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for want, n := range map[string]int{`class="curve s0"`: 1, `class="curve s0 limit"`: 1, `class="spot s0"`: 2, "a &lt;b&gt;, 64: 100": 3,
		"<h2>Plots</h2>": 1, "<h2>Figures</h2>": 1, "Empty plot": 0, "Ablations": 0, "report.json": 0, "<b>": 0} {
		if got := strings.Count(page, want); got != n {
			t.Errorf("%q stands there %d times, want %d", want, got, n)
		}
	}
}
