package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"limbeck/eval/report"
	"limbeck/internal/machine"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/model/generate"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

func TestWorks(t *testing.T) {
	list := func(works []Work) string {
		var names []string
		for _, w := range works {
			names = append(names, w.String())
		}
		return strings.Join(names, "|")
	}
	works, tooLong := Works(600, 256, []int{64, 512, 2048}, []int{0, 512, 2048}, []int{1, 4, 512})
	want := "prompt of 64|prompt of 512|decode after 0|decode after 512|decode, 4 at once|decode, 512 at once|512 requests, 128 in, 64 out"
	if got := list(works); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, want := list(tooLong), "prompt of 2,048|decode after 2,048"; got != want {
		t.Errorf("too long are %s\nwant %s", got, want)
	}
	if w, tooLong := Works(20, 256, []int{64}, []int{0}, []int{1, 4}); len(w) != 0 || len(tooLong) != 4 {
		t.Errorf("works %v in a context of 20, too long %v", w, tooLong)
	}
}

// even are limits of which times are easy to compute by hand.
var even = machine.Limits{Threads: 2, Read: machine.Rate{All: 100}, Arithmetic: []machine.Rate{{Kind: "f32", All: 10}, {Kind: "int8", All: 40}}}

func TestBound(t *testing.T) {
	s := Shape{Bytes: 200, KV: 10, Int8: 80, F32: 1, HeadInt8: 40, Attention: 1}
	for _, c := range []struct {
		work Work
		rate float64
		by   string
	}{
		// 200 bytes take 2 s; 4·80 + 40 int8 operations 9 s, 4 f32 and 10 of attention 1.4 s.
		{Work{Prompt, 4, 1, 1}, 4 / 10.4, "arithmetic"},
		// 200 bytes and a cache of 2+4/2 positions 2.4 s; 120 operations 3 s, 1 and 4 f32 0.5 s.
		{Work{Decode, 2, 1, 4}, 1 / 3.5, "arithmetic"},
		// Two sequences: 200 + 2·40 bytes, 2.8 s; twice 3.5 s of arithmetic.
		{Work{Decode, 2, 2, 4}, 2 / 7.0, "arithmetic"},
		// Two prompts of 2: 320 + 80 int8 10 s, 4 and 6 f32 1 s; then 3 steps of 7 s.
		{Work{Requests, 2, 2, 4}, 8 / (11 + 21.0), "arithmetic"},
	} {
		rate, by := s.Bound(c.work, &even)
		if math.Abs(rate-c.rate) > 1e-9 || by != c.by {
			t.Errorf("%v: %v by %s, want %v by %s", c.work, rate, by, c.rate, c.by)
		}
	}
	s.Int8, s.HeadInt8 = 0, 0
	if rate, by := s.Bound(Work{Decode, 2, 1, 4}, &even); math.Abs(rate-1/2.4) > 1e-9 || by != "memory" {
		t.Errorf("%v by %s", rate, by)
	}
}

func TestShape(t *testing.T) {
	m := testkit.Model(1) // of f32
	c := m.Config()
	s := ShapeOf(m, generate.Precision{})
	matrices := c.Params() - (2*c.Layers+1)*c.Width // without the norms
	if want := 4 * int64(matrices); s.Bytes != want || s.Memory != 4*int64(c.Params()) {
		t.Errorf("%d of %d bytes, want %d of %d", s.Bytes, s.Memory, want, 4*c.Params())
	}
	head := float64(2 * c.Vocab * c.Width)
	if s.Int8 != 0 || s.HeadF32 != head || s.F32 != 2*float64(matrices)-head {
		t.Errorf("got %+v", s)
	}
	if s.KV != int64(c.KVBytes(dtype.F16, 1)) || s.Context != c.Context {
		t.Errorf("got %+v", s)
	}
}

func TestNeed(t *testing.T) {
	s := Shape{Memory: 1000, KV: 10, Context: 50}
	if n := NeedOf(s, 50); n.All() != 1000+500+baseMemory {
		t.Errorf("got %+v", n)
	}
	for bytes, want := range map[int64]int{1 << 30: 50, baseMemory + 1000 + 305: 30, baseMemory + 1000: 0, 5: 0} {
		if got := s.Room(bytes); got != want {
			t.Errorf("%d bytes: room for %d, want %d", bytes, got, want)
		}
	}
}

// Of 8 s with 2 of 6 layers, 2 s do not depend on their number.
func TestStretch(t *testing.T) {
	p := Profile{Parts: []Spent{{Op: "product", Seconds: 5}, {Op: "attention", Seconds: 1}, {Op: "head", Seconds: 1.5}, {Op: "sampling", Seconds: 0.5}}}
	if got := p.stretch(2, 6); got != 8.0/20 {
		t.Errorf("got %v, want %v", got, 8.0/20)
	}
	for _, c := range []struct{ layers, want int }{{1, 1}, {30, 30}} {
		if got := timedLayers(c.layers, 1000); got != c.want {
			t.Errorf("%d of %d layers of a small model", got, c.layers)
		}
	}
	if got := timedLayers(100, 10*beyondCaches); got != 10 {
		t.Errorf("%d of 100 layers, want 10", got)
	}
	if got := timedLayers(30, 100*beyondCaches); got != 2 {
		t.Errorf("%d of 30 layers, want 2", got)
	}
}

func TestProfileSums(t *testing.T) {
	spent := map[op.Spender]time.Duration{{Op: "matMul", Weight: "token_embd"}: 2e9, {Op: "matMul", Weight: "ffn_up"}: 5e9, {Op: op.Outside}: 1e9, {Op: "novel"}: 1}
	// In 8 s, runs took 6: two threads could have worked 12 s in them, and did 9.
	p := newProfile(Work{}, spent, 8e9, 6e9, 9e9, 2)
	var names []string
	for _, s := range p.Parts {
		names = append(names, s.Op+" "+s.Weight)
	}
	if want := []string{"product ffn_up", "head token_embd", "sampling ", "novel "}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if want := 1 - (9.0+2)/16; math.Abs(p.Idle-want) > 1e-12 {
		t.Errorf("idle %v, want %v", p.Idle, want)
	}
}

// Works are done by a child, and by a part of the model.
func TestRunAndPredict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	m := testkit.Model(1)
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	works := []Work{{Prompt, 8, 1, 1}, {Decode, 8, 1, 4}, {Decode, 4, 3, 4}, {Requests, 4, 2, 3}}
	job := Job{Name: "tiny", Model: path, Threads: 1, Works: works, Profile: true}
	r, err := Run(context.Background(), Options{Jobs: []Job{job, job}, Rounds: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range r.Models[1].Works {
		if v, ok := w.Rate.Median.Get(); !ok || v <= 0 {
			t.Errorf("%v: rate %v", w.Work, w.Rate)
		}
	}
	if p := r.Models[0].Profiles; len(p) != 2 || p[0].Work != works[0] || p[1].Work != works[1] || len(p[1].Parts) == 0 {
		t.Errorf("profiles %+v", p)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	pool := par.New(1)
	defer pool.Close()
	rates, layers, err := Predict(context.Background(), m, works, pool, generate.Precision{})
	if err != nil || layers != m.Config().Layers || len(rates) != len(works) || rates[1].Rate <= 0 {
		t.Errorf("%+v of %d layers, %v", rates, layers, err)
	}
	if m.Weights()[0].Tensor() == nil {
		t.Error("the model was packed")
	}
}

// The last of the timed layers computes every row, as one in the middle does, and
// what is wanted is the same.
func TestWholeLayers(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	m := testkit.Model(1)
	b := op.Batch{IDs: []int{3, 1, 4, 1, 5}, Seqs: []op.Seq{{Len: 5}}, Rows: []int{4}}
	last := fmt.Sprintf("blk.%d.ffn_norm.weight", m.Config().Layers-1)
	var hidden [][]float32
	for _, c := range []struct {
		m    arch.Model
		rows int
	}{{m.Model, 1}, {wholeLayers{m.Model}, 5}} {
		tape, rows := op.NewTape(pool), 0
		tape.OnTap = func(name string, v *op.Value) {
			if strings.HasPrefix(name, last) {
				rows = v.Rows
			}
		}
		h := c.m.Forward(tape, b)
		if rows != c.rows || h.Rows != 1 {
			t.Errorf("%d rows of the last block and %d of the result, want %d and 1", rows, h.Rows, c.rows)
		}
		hidden = append(hidden, h.Data)
	}
	if !slices.Equal(hidden[0], hidden[1]) {
		t.Error("the wanted row differs")
	}
}

// The report has a table of each model, their ratios and the limits, and fits 80 columns.
func TestReport(t *testing.T) {
	rate := func(v float64) report.Rate {
		return report.Rate{Median: report.N(v), Min: report.N(v), Max: report.N(v)}
	}
	r := Result{Limits: machine.Limits{Threads: 2, Read: machine.Rate{One: 2e10, All: 3e10}, Arithmetic: []machine.Rate{{Kind: "f32", By: "loops", One: 1e11, All: 2e11}}}, Rounds: 3}
	for i, name := range []string{"large-model-of-a-long-name", "small"} {
		m := Rates{Name: name, Shape: Shape{Bytes: 96e6, KV: 46080}, Memory: 2e8}
		for _, w := range []Work{{Prompt, 64, 1, 1}, {Prompt, 2048, 1, 1}, {Requests, 128, 16, 64}} {
			m.Works = append(m.Works, WorkRate{w, rate(1234.5 * float64(i+1)), report.N(5000), "arithmetic", report.N(0.25)})
		}
		m.Profiles = []Profile{{Work: m.Works[0].Work, Seconds: 2, Parts: []Spent{{"product", "ffn_up", 1.5}}, Idle: 0.1}}
		r.Models = append(r.Models, m)
	}
	var b strings.Builder
	if err := r.Report().WriteText(&b, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Rates of small", "small over large-model-of-a-long-name", "2.00 ×", "prompt of 2,048", "16 requests, 128 in, 64 out",
		"product ffn_up", "75.0", "waited for others for 10.0 %", "96 MB of weights", "0.0461 MB of cache", "reading memory"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "over 100 %") {
		t.Errorf("told of shares over 100 %% that are not there:\n%s", &b)
	}
	r.Models[1].Works[1].Share, r.Models[1].Works[1].By = report.N(1.31), "memory"
	b.Reset()
	if err := r.Report().WriteText(&b, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "over 100 %"); n != 1 {
		t.Errorf("one table has a share over 100 %%, %d say so:\n%s", n, &b)
	}
	for line := range strings.Lines(b.String()) {
		if len([]rune(line)) > 81 {
			t.Errorf("too wide: %s", line)
		}
	}
	if p := r.Report().Plots; len(p) != 1 || len(p[0].Lines) != 4 || len(p[0].Lines[0].Points) != 2 {
		t.Errorf("plots %+v", p)
	}
}
