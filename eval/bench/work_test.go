package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"limbeck/eval/report"
	"limbeck/internal/machine"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/generate"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
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
var even = machine.Limits{Threads: 2, Read: machine.Rate{All: 100}, Arithmetic: []machine.Rate{{Kind: "f32", All: 10}, {Kind: "int8", All: 40}, {Kind: "bf16", All: 20}}}

func TestBound(t *testing.T) {
	s := Shape{Bytes: 200, KV: 10, Blocks: op.Arithmetic{Int8: 80, F32: 1}, Head: op.Arithmetic{Int8: 40}, Attention: op.Arithmetic{F32: 1}}
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
	// 1 f32 takes 0.1 s, 16 of bf16 with 10 others each 8 s: 16 where only f32 was measured.
	s.Blocks, s.Head, s.Attention = op.Arithmetic{F32: 1}, op.Arithmetic{}, op.Arithmetic{BF16: 16}
	slow := even
	slow.Arithmetic = even.Arithmetic[:2]
	for seconds, l := range map[float64]*machine.Limits{8.1: &even, 16.1: &slow} {
		if rate, by := s.Bound(Work{Decode, 8, 1, 4}, l); math.Abs(rate-1/seconds) > 1e-9 || by != "arithmetic" {
			t.Errorf("%v by %s, want %v", rate, by, 1/seconds)
		}
	}
	s.Attention = op.Arithmetic{}
	if rate, by := s.Bound(Work{Decode, 2, 1, 4}, &even); math.Abs(rate-1/2.4) > 1e-9 || by != "memory" {
		t.Errorf("%v by %s", rate, by)
	}
	// The prompt takes 10 s of arithmetic; then each step reads 200 bytes and 102 positions
	// in 12.2 s.
	for write, want := range map[int]struct {
		seconds float64
		by      string
	}{1: {10, "arithmetic"}, 4: {46.6, "memory"}} {
		rate, by := s.Bound(Work{Requests, 100, 1, write}, &even)
		if math.Abs(rate-float64(write)/want.seconds) > 1e-9 || by != want.by {
			t.Errorf("%d written: %v by %s, want %d in %v s by %s", write, rate, by, write, want.seconds, want.by)
		}
	}
}

func TestShape(t *testing.T) {
	m := testkit.Model(1) // of f32
	c := m.Config()
	s := ShapeOf(m, generate.Precision{})
	// The matrices are all but the norms; the padding is of the embedding, packed.
	matrices := c.Params() - (2*c.Layers+1)*c.Width
	padding := 4 * int64((kernel.GroupRows-c.Vocab%kernel.GroupRows)%kernel.GroupRows*c.Width)
	if want, memory := 4*int64(matrices)+padding, 4*int64(c.Params())+padding; s.Bytes != want || s.Memory != memory {
		t.Errorf("%d of %d bytes, want %d of %d", s.Bytes, s.Memory, want, memory)
	}
	head := float64(2 * c.Vocab * c.Width)
	if s.Head != (op.Arithmetic{F32: head}) || s.Blocks != (op.Arithmetic{F32: 2*float64(matrices) - head}) {
		t.Errorf("got %+v", s)
	}
	if want := 4 * float64(c.Layers*c.Heads*c.HeadDim); s.Attention.All() != want || s.Attention.Int8 != 0 {
		t.Errorf("attention of %+v operations, want %v", s.Attention, want)
	}
	if s.KV != int64(c.KVBytes(dtype.F16, 1)) || s.Context != c.Context {
		t.Errorf("got %+v", s)
	}
}

// By a shape, doctor and bench say what a machine allows, and doctor what fits. Whatever the
// format, its bytes are those that the packed weights and the cache have, its operations two
// for each parameter that a token multiplies, and both are what a pass counts.
func TestShapeIsOfPackedModel(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	prompt, next := []int{3, 1, 4, 1, 5}, []int{9}
	for _, format := range dtype.All() {
		for _, tied := range []bool{true, false} {
			c := testkit.Blocks("llama", tied)
			m := &model.Model{Model: testkit.Decoder(c, format, 1)}
			stored := ShapeOf(m, generate.Precision{})
			op.PackAll(m.Weights(), pool, func(*tensor.Tensor) {}) // as of a file, which is let go
			memory, read, multiplied := 0, 0, 0
			for _, w := range m.Weights() {
				memory += w.Bytes()
				if w.Rows > 1 && (tied || w.Name != arch.Embedding) {
					read += w.Bytes()
					multiplied += w.Rows * w.Cols
				}
			}
			for _, p := range []generate.Precision{{}, {Exact: true}, {KV: dtype.Q8_0}} {
				name := fmt.Sprintf("%s, tied %v, %+v", format, tied, p)
				r, s := generate.NewRunner(m, pool, p), ShapeOf(m, p)
				if p == (generate.Precision{}) && s != stored {
					t.Errorf("%s: packed %+v, before %+v", name, s, stored)
				}
				if s.Memory != int64(memory) || s.Bytes != int64(read) {
					t.Errorf("%s: %d of %d bytes, want %d of %d", name, s.Bytes, s.Memory, read, memory)
				}
				products, two := s.Blocks.Plus(s.Head), 2*float64(multiplied)
				operations := op.Arithmetic{F32: two}
				switch {
				case p.Exact:
				case format.Len > 1:
					operations = op.Arithmetic{Int8: two}
				case format == dtype.BF16 && format.Fast.Best() != format.Fast: // pairs are faster
					operations = op.Arithmetic{BF16: two}
				}
				if products != operations {
					t.Errorf("%s: operations %+v, want %+v", name, products, operations)
				}
				kv := r.NewKV(op.KVBlock)
				kv.Reserve(op.KVBlock)
				if got := int64(kv.Bytes()); got != op.KVBlock*s.KV {
					t.Errorf("%s: %d bytes of cache a position, want %d", name, s.KV, got/op.KVBlock)
				}
				tape := r.Tape()
				pass := func(ids []int) {
					tape.Reset()
					b := op.Batch{IDs: ids, Seqs: []op.Seq{{Len: len(ids), KV: kv}}, Rows: []int{len(ids) - 1}}
					m.Head(tape, m.Forward(tape, b), nil)
				}
				pass(prompt)
				tape.Profile = new(op.Profile)
				tape.Profile.Start()
				pass(next)
				var got op.Cost
				for _, x := range tape.Profile.Stop() {
					got = got.Plus(x.Cost)
				}
				positions := float64(len(prompt) + len(next))
				want := op.Cost{Bytes: float64(s.Bytes) + positions*float64(s.KV), Arithmetic: products.Plus(s.Attention.Times(positions))}
				if got != want {
					t.Errorf("%s: a pass counts %+v, want %+v", name, got, want)
				}
				kv.Release()
			}
		}
	}
}

func TestNeed(t *testing.T) {
	s := Shape{Memory: 1000, KV: 10, Context: 50}
	if n := NeedOf(s, 50); n.All() != 1000+500+BaseMemory {
		t.Errorf("got %+v", n)
	}
	for bytes, want := range map[int64]int{1 << 30: 50, BaseMemory + 1000 + 305: 30, BaseMemory + 1000: 0, 5: 0} {
		if got := s.Room(bytes); got != want {
			t.Errorf("%d bytes: room for %d, want %d", bytes, got, want)
		}
	}
}

// Of 8 s with 2 of 6 layers, 2 s do not depend on their number.
func TestStretch(t *testing.T) {
	p := Profile{Parts: []Spent{{Op: "matmul", Seconds: 5}, {Op: "attention", Seconds: 1}, {Op: "head", Seconds: 1.5}, {Op: "sampling", Seconds: 0.5}}}
	if got := p.stretch(2, 6); got != 8.0/20 {
		t.Errorf("got %v, want %v", got, 8.0/20)
	}
	if prompt, decode := (Work{Kind: Prompt}).layers(6), (Work{Kind: Decode}).layers(6); prompt != 5 || decode != 6 {
		t.Errorf("of 6 layers %d compute every row of a prompt, and %d every one that is written; want 5 and 6", prompt, decode)
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
	up := op.Cost{Bytes: 300, Arithmetic: op.Arithmetic{Int8: 80}}
	spent := map[op.Spender]op.Spent{{Op: "matmul", Weight: "token_embd"}: {Time: 2e9}, {Op: "matmul", Weight: "ffn_up"}: {Time: 5e9, Cost: up},
		{Op: op.Outside}: {Time: 1e9}, {Op: "novel"}: {Time: 1}}
	// In 8 s, runs took 6: two threads could have worked 12 s in them, and did 9.
	p := newProfile(spent, 8e9, 6e9, 9e9, 2, "token_embd")
	var names []string
	for _, s := range p.Parts {
		names = append(names, s.Op+" "+s.Weight)
	}
	if want := []string{"matmul ffn_up", "head token_embd", "sampling ", "novel "}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if want := 1 - (9.0+2)/16; math.Abs(p.Idle-want) > 1e-12 {
		t.Errorf("idle %v, want %v", p.Idle, want)
	}
	if p.Parts[0].Cost != up {
		t.Errorf("products cost %+v, want %+v", p.Parts[0].Cost, up)
	}
	p.per("step", 4)
	want := Spent{Op: "matmul", Weight: "ffn_up", Seconds: 1.25, Cost: op.Cost{Bytes: 75, Arithmetic: op.Arithmetic{Int8: 20}}}
	if p.Parts[0] != want || p.Seconds != 2 || p.Unit != "step" || p.Units != 4 {
		t.Errorf("of a step %+v, want of products %+v", p, want)
	}
}

// A part's share is the greater of two: of reading 100 bytes a second, and of 40
// int8, 20 bf16 and 10 f32 operations.
func TestJudge(t *testing.T) {
	cost := func(bytes, int8, bf16, f32 float64) op.Cost {
		return op.Cost{Bytes: bytes, Arithmetic: op.Arithmetic{Int8: int8, BF16: bf16, F32: f32}}
	}
	for _, c := range []struct {
		cost  op.Cost
		share report.Num
		by    string
	}{
		{cost(300, 80, 0, 0), report.N(3.0 / 4), "memory"},
		{cost(100, 80, 0, 0), report.N(2.0 / 4), "arithmetic"},
		{cost(100, 20, 20, 5), report.N((0.5 + 1 + 0.5) / 4), "arithmetic"},
		{cost(0, 0, 0, 0), report.Num{}, ""},
	} {
		p := Profile{Parts: []Spent{{Seconds: 4, Cost: c.cost}}}
		p.judge(&even)
		if got := p.Parts[0]; got.Share != c.share || got.By != c.by {
			t.Errorf("%+v: %v by %q, want %v by %q", c.cost, got.Share, got.By, c.share, c.by)
		}
	}
}

// Profiled are the longest prompt, the deepest decode, the most sequences and the
// requests.
func TestProfiled(t *testing.T) {
	works, _ := Works(10_000, 256, []int{2048, 64}, []int{0, 512, 64}, []int{4, 32, 1})
	got := profiled(works)
	want := []Work{{Prompt, 2048, 1, 1}, {Decode, 512, 1, writeTokens}, {Decode, 8, 32, writeTokens}, {Requests, requestPrompt, 32, requestTokens}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A decode finds its prompt read, by a deeper one or by the last work on prompts.
func TestOrder(t *testing.T) {
	works, _ := Works(10_000, 256, []int{64, 2048, 512}, []int{0, 512, 2048}, []int{4, 1})
	var got []string
	for _, i := range order(works) {
		got = append(got, works[i].String())
	}
	want := "prompt of 64|prompt of 2,048|prompt of 512|decode after 2,048|decode after 512|decode after 0|decode, 4 at once|4 requests, 128 in, 64 out"
	if strings.Join(got, "|") != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

// The counts of a profile are those of the passes that a work consists of.
func TestProfileCounts(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	m := testkit.Model(1)
	m.Pack(pool)
	s := ShapeOf(m, generate.Precision{})
	timer := newTimer(m, pool, generate.Precision{})
	for _, c := range []struct {
		work      Work
		unit      string
		passes    float64 // over all weights, of a unit
		positions float64 // that attention reads in them
	}{
		{Work{Prompt, 8, 1, 1}, "prompt", 1, 8},
		// The last token of the prompt, position 7, makes the first that is written.
		{Work{Decode, 8, 1, 4}, "token", 1, (8 + 9 + 10 + 11) / 4.0},
		// Passes that read prompts do not count, and nor do their first tokens.
		{Work{Decode, 4, 3, 4}, "step", 1, 3 * (5 + 6 + 7) / 3.0},
		{Work{Decode, 1, 3, 3}, "step", 1, 3 * (2 + 3) / 2.0},
		// One pass reads both prompts.
		{Work{Requests, 4, 2, 3}, "run", 3, 2 * (4 + 5 + 6)},
	} {
		if _, err := timer.rate(context.Background(), c.work); err != nil {
			t.Fatal(err)
		}
		p, err := timer.profile(context.Background(), c.work)
		if err != nil {
			t.Fatal(err)
		}
		if p.Work != c.work || p.Unit != c.unit || p.Units < 1 {
			t.Errorf("%v: of %d units %q, want %q", p.Work, p.Units, p.Unit, c.unit)
		}
		var got op.Cost
		var attention op.Arithmetic
		var seconds float64
		for _, x := range p.Parts {
			got, seconds = got.Plus(x.Cost), seconds+x.Seconds
			if x.Op == "attention" {
				attention = attention.Plus(x.Arithmetic)
			}
		}
		near := func(what string, got, want float64) {
			const rounding = 1e-12 // of sums of integers, divided
			if math.Abs(got-want) > rounding*want {
				t.Errorf("%v: %s %v, want %v", c.work, what, got, want)
			}
		}
		near("bytes", got.Bytes, c.passes*float64(s.Bytes)+c.positions*float64(s.KV))
		if c.work.Kind == Decode { // of prompts, the last layer computes what is wanted
			near("attention's operations", attention.All(), s.Attention.All()*c.positions)
			near("the products' operations", got.Arithmetic.Plus(attention.Times(-1)).All(), s.Blocks.Plus(s.Head).All()*float64(c.work.Batch))
		}
		if math.Abs(seconds-p.Seconds) > 0.1*p.Seconds {
			t.Errorf("%v: parts of %v s, all of %v", c.work, seconds, p.Seconds)
		}
		for _, name := range onceParts {
			if c.work.Kind == Prompt && !slices.ContainsFunc(p.Parts, func(x Spent) bool { return x.Op == name }) {
				t.Errorf("no %q in %+v", name, p.Parts)
			}
		}
	}
}

// However often prompts are read, and decodes repeated, there is one cache, as
// large as the deepest work wants it.
func TestOneCache(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	m := testkit.Model(1)
	m.Pack(pool)
	timer := newTimer(m, pool, generate.Precision{})
	ctx, w := context.Background(), Work{Decode, 20, 1, 8}
	if err := timer.ready(ctx, w); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := timer.read(ctx, Work{Prompt, 16, 1, 1}, 0); err != nil {
			t.Fatal(err)
		}
	}
	read := slices.Clone(timer.ids)
	rate, err := timer.rate(ctx, w)
	if err != nil || rate <= 0 {
		t.Fatalf("rate %v, %v", rate, err)
	}
	if !slices.Equal(timer.ids[:16], read) || len(timer.ids) != 27 {
		t.Errorf("the decode did not go on with the prompt: %d tokens", len(timer.ids))
	}
	prompt := slices.Clone(timer.ids[:20])
	cached := func() int {
		reply, err := timer.session.Reply(ctx, prompt, generate.Options{MaxTokens: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return reply.CachedTokens
	}
	if n := cached(); n != 19 {
		t.Errorf("%d tokens of the prompt are in the cache, want 19", n)
	}
	if _, err := timer.rate(ctx, Work{Decode, 4, 2, 4}); err != nil {
		t.Fatal(err)
	}
	if n := cached(); n != 0 {
		t.Errorf("%d tokens of the cache of one sequence are kept beside those of several", n)
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
	p := r.Models[0].Profiles
	if len(p) != len(works) {
		t.Fatalf("%d profiles, want %d", len(p), len(works))
	}
	for i := range p {
		product := slices.IndexFunc(p[i].Parts, func(s Spent) bool { return s.Weight == "ffn_gate+ffn_up" })
		if p[i].Work != works[i] || product < 0 {
			t.Fatalf("profile %+v", p[i])
		}
		if s := p[i].Parts[product]; s.Bytes <= 0 || s.By == "" || !(s.Share.Or(0) > 0) {
			t.Errorf("%v: %+v", works[i], s)
		}
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
		m.Profiles = []Profile{{Work: m.Works[0].Work, Unit: "prompt", Units: 1234, Seconds: 2, Parts: []Spent{
			{Op: "matmul", Weight: "attn_q+attn_k+attn_v", Seconds: 1.5, Cost: op.Cost{Bytes: 1e9, Arithmetic: op.Arithmetic{F32: 2.4e11}}},
			{Op: "rmsnorm", Seconds: 0.5}}, Idle: 0.1}}
		m.Profiles[0].judge(&r.Limits)
		r.Models = append(r.Models, m)
	}
	var b strings.Builder
	if err := r.Report().WriteText(&b, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Rates of small", "small over large-model-of-a-long-name, tok/s", "2.00 ×", "prompt of 2,048", "16 requests, 128 in, 64 out",
		"matmul attn_q+attn_k+attn_v      1,500   75.0  0.67    160   80.0  arithmetic\n", "rmsnorm                            500   25.0     –      –      –           –\n",
		"total                            2,000  100.0     –      –      –           –\n", " ms/prompt  share ", "Measured over 1,234 prompts, ",
		"waited for others for 10.0 %", "96.0 MB of weights", "46.1 kB of cache", "reading memory"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "over 100 %") {
		t.Errorf("told of shares over 100 %% that are not there:\n%s", &b)
	}
	for whole, want := range map[float64]string{9.174: "2", 0.427: "2.0", 0.0368: "2.00", 0.0031: "2.000"} {
		p := Profile{Seconds: whole}
		if got := p.milliseconds(0.002).Text; got != want {
			t.Errorf("of %v s, 2 ms are %q, want %q", whole, got, want)
		}
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

// The page has a plot of prompts, of tokens by what stands before, and of sequences at once.
// In each stand the models that have two works of its kind, each with a dashed limit, their
// points from left to right; requests are in none.
func TestPlots(t *testing.T) {
	works := []Work{{Prompt, 2048, 1, 1}, {Prompt, 64, 1, 1}, {Decode, 512, 1, 32}, {Decode, 1, 1, 32}, {Decode, 16, 16, 32}, {Decode, 16, 4, 32}, {Requests, 128, 16, 64}}
	r := Result{}
	for i, all := range [][]Work{works, works[1:]} { // one prompt is no line
		m := Rates{Name: []string{"large", "small"}[i]}
		for _, w := range all {
			rate := float64(100*(i+1) + slices.Index(works, w))
			m.Works = append(m.Works, WorkRate{Work: w, Rate: report.Rate{Median: report.N(rate)}, Bound: report.N(3 * rate)})
		}
		r.Models = append(r.Models, m)
	}
	type points [][2]float64
	want := []struct {
		title, x string
		rates    []points // of each model that is drawn
	}{
		{"Reading prompts", "tokens of the prompt", []points{{{64, 101}, {2048, 100}}}},
		{"Writing tokens", "tokens before, one sequence", []points{{{0, 103}, {512, 102}}, {{0, 203}, {512, 202}}}},
		{"Writing several sequences at once", "sequences", []points{{{1, 103}, {4, 105}, {16, 104}}, {{1, 203}, {4, 205}, {16, 204}}}},
	}
	plots := r.Report().Plots
	var b strings.Builder
	if err := r.Report().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	figures := strings.Split(b.String(), `<svg class="plot"`)[1:]
	if len(plots) != len(want) || len(figures) != len(want) {
		t.Fatalf("%d plots, %d on the page, want %d", len(plots), len(figures), len(want))
	}
	for i, c := range want {
		var lines []report.Line
		page := map[string]int{`aria-label="` + c.title + `"`: 1, ">" + c.x + "</text>": 1, `class="curve `: 2 * len(c.rates)}
		for k, rates := range c.rates {
			name := r.Models[k].Name
			line, limit := report.Line{Name: name}, report.Line{Name: "limit of " + name, Limit: true}
			for _, p := range rates {
				line.Points = append(line.Points, report.Point{X: p[0], Y: report.N(p[1])})
				limit.Points = append(limit.Points, report.Point{X: p[0], Y: report.N(3 * p[1])})
				page[fmt.Sprintf(`aria-label="%s, %s: %.0f"`, name, typeset.Number(int(p[0])), p[1])] = 1
			}
			lines = append(lines, line, limit)
			page[fmt.Sprintf(`class="curve s%d"`, k)], page[fmt.Sprintf(`class="curve s%d limit"`, k)] = 1, 1
			page[fmt.Sprintf(`class="spot s%d"`, k)], page["limit of "+name] = len(rates), 1
		}
		if p := plots[i]; p.Title != c.title || p.X != c.x || !reflect.DeepEqual(p.Lines, lines) {
			t.Errorf("plot %+v, want %q over %s with lines %+v", p, c.title, c.x, lines)
		}
		for text, n := range page {
			if got := strings.Count(figures[i], text); got != n {
				t.Errorf("%s: %q stands there %d times, want %d", c.title, text, got, n)
			}
		}
	}
}
