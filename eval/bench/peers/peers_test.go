package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"limbeck/eval/bench"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/token"
	"limbeck/nn/op"
	"limbeck/tensor"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What the peers print is read: the files are what they printed.
func TestParseBench(t *testing.T) {
	for name, want := range map[string]float64{"llama-bench.txt": 8.06116} {
		got, err := parseBench(read(t, name))
		if err != nil || got != want {
			t.Errorf("%s: %g, %v; want %g", name, got, err, want)
		}
	}
	if got, err := parseBench([]byte("words [1]\n[{\"samples_ts\": [3, 1, 2]}]")); err != nil || got != 2 {
		t.Errorf("after words: %g, %v; want 2", got, err)
	}
	for _, text := range []string{"", "no JSON", "[]", "[{}]", `[{"samples_ts":[1]},{"samples_ts":[2]}]`, `[{"samples_ts":[0]}]`, `[{"samples_ts":"1"}]`} {
		if got, err := parseBench([]byte(text)); err == nil {
			t.Errorf("%q: %g, want an error", text, got)
		}
	}
}

func TestParseBatched(t *testing.T) {
	for name, want := range map[string]float64{"llama-batched-bench.txt": 2.072} {
		w := bench.Work{Kind: bench.Requests, Tokens: 16, Batch: 4, Write: 4}
		got, err := parseBatched(read(t, name), w)
		if err != nil || got != want {
			t.Errorf("%s: %g, %v; want %g", name, got, err, want)
		}
		if got, err := parseBatched(read(t, name), requests); err == nil {
			t.Errorf("%s: %g of a row that is not there", name, got)
		}
	}
	for _, text := range []string{"", "|   128 |     64 |   16 |   3072 |    0.4 | 1 | 1 | 1 | none | 1 |", "|   128 |     64 |   16 |   3072 |    0.4 | 1 | 1 | 1 | 0 | 1 |"} {
		if got, err := parseBatched([]byte(text), requests); err == nil {
			t.Errorf("%q: %g, want an error", text, got)
		}
	}
}

func TestParseLimbeck(t *testing.T) {
	d := &driver{}
	got, err := d.parseLimbeck(read(t, "limbeck-bench.json"), requests)
	if err != nil || got.Value != 146.34636007098135 || got.Memory != 192901120 || got.cache != 23040*16*(128+64) {
		t.Errorf("%+v, %v", got, err)
	}
	if want := 647.8346049447002; math.Abs(got.limit/want-1) > 1e-12 || got.by != "arithmetic" {
		t.Errorf("the limit is %g by %q, want %g", got.limit, got.by, want)
	}
	for _, text := range []string{"", "{}", "[]"} {
		if got, err := d.parseLimbeck([]byte(text), requests); err == nil {
			t.Errorf("%q: %+v, want an error", text, got)
		}
	}
}

func TestParseTrained(t *testing.T) {
	got, err := parseTrained(&process{out: []byte(`{"tokens_per_second": 87.5}`)})
	if err != nil || got.Rate != 87.5 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "{}", "nan"} {
		if got, err := parseTrained(&process{out: []byte(text)}); err == nil {
			t.Errorf("%q: %+v, want an error", text, got)
		}
	}
}

// The flags of llama-bench reach the other programs.
func TestBatched(t *testing.T) {
	if got, want := strings.Join(batched([]string{"-rtr", "1", "-fa", "1"}), " "), "-rtr -fa 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A generated vocabulary is one that a tokenizer takes, of the size of the shape's.
func TestVocabulary(t *testing.T) {
	for name, c := range shapes {
		spec, err := vocabulary(c.Vocab)
		if err != nil {
			t.Fatal(err)
		}
		k, err := token.New(spec)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if k.Vocab() != c.Vocab || len(spec.Types) != c.Vocab {
			t.Errorf("%s: %d tokens and %d types, want %d", name, k.Vocab(), len(spec.Types), c.Vocab)
		}
	}
}

// outcomes are a row on which Limbeck is 1.5 times as fast as ik, at 60 % of the
// limit, and one with less.
func outcomes() []outcome {
	limbeck := sideResult{Name: limbeckName, Values: []float64{290, 300, 900}, Memory: 2e9}
	return []outcome{
		{Name: "idle", Unit: tokens, Limits: []float64{580, 400, 1500}, Sides: []sideResult{limbeck, {Name: ik, Values: []float64{200}}}},
		{Name: "busy", Unit: tokens, Sides: []sideResult{{Name: limbeckName, Values: []float64{60}}}},
		{Name: "time", Unit: seconds, Sides: []sideResult{{Name: limbeckName, Values: []float64{0.25}}, {Name: ik, Values: []float64{0.5}}}},
	}
}

func TestGoals(t *testing.T) {
	all := outcomes()
	for _, c := range []struct {
		row     int
		goal    goal
		reached string
		verdict string
	}{
		{0, atLeast(1.5, ik), "1.50 × ik", "met"},
		{0, atLeast(1.6, ik), "1.50 × ik", "missed"},
		{0, atLeast(1.6, llamaCPP), "", "not known"},
		{0, ofLimit(0.6), "60 % of limit", "met"},
		{0, ofLimit(0.61), "60 % of limit", "missed"},
		{0, either(atLeast(1.6, ik), ofLimit(0.6)), "1.50 × ik, 60 % of limit", "met"},
		{0, either(atLeast(1.6, llamaCPP), ofLimit(0.6)), "60 % of limit", "met"},
		{0, either(atLeast(1.6, llamaCPP), ofLimit(0.7)), "", "not known"},
		{0, memoryAtMost(2e9), "2.00 GB", "met"},
		{0, memoryAtMost(1.9e9), "2.00 GB", "missed"},
		{1, ofIdle(0.2, "idle"), "20 % of idle", "met"},
		{1, ofIdle(0.3, "idle"), "20 % of idle", "missed"},
		{1, ofIdle(0.3, "another"), "", "not known"},
		{1, ofLimit(0.1), "", "not known"},
		{2, atLeast(2, ik), "2.00 × ik", "met"},
		{2, within(0.2), "0.25 s", "missed"},
		{2, within(0.25), "0.25 s", "met"},
	} {
		o := all[c.row]
		o.judge([]goal{c.goal}, all)
		if v := o.Goals[0]; v.Reached != c.reached || v.String() != c.verdict || v.Goal != c.goal.text {
			t.Errorf("%s, %s: reached %q, %s; want %q, %s", o.Name, v.Goal, v.Reached, v.String(), c.reached, c.verdict)
		}
	}
	all[0].judge([]goal{atLeast(1.5, ik), ofLimit(0.61)}, all)
	if g := all[0].Goals; len(g) != 2 || !*g[0].Met || *g[1].Met {
		t.Errorf("of two goals, one met: %+v", g)
	}
}

// A peak may be as large as the file, the caches and 64 MB.
func TestMemoryBeside(t *testing.T) {
	model := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(model, make([]byte, 3e6), 0o666); err != nil {
		t.Fatal(err)
	}
	for peak, want := range map[int64]verdict{
		72e6: {Reached: "72 of 72 MB", Met: new(true)},
		73e6: {Reached: "73 of 72 MB", Met: new(false)},
		0:    {},
	} {
		o := outcome{Sides: []sideResult{{Name: limbeckName}}}
		o.add(&o.Sides[0], &sample{Value: 1, Memory: peak, cache: 5e6}, nil)
		g := memoryBeside(model)
		o.judge([]goal{g}, nil)
		if want.Goal = g.text; !reflect.DeepEqual(o.Goals[0], want) {
			t.Errorf("peak %d: %+v, want %+v", peak, o.Goals[0], want)
		}
	}
	if _, _, known := memoryBeside(model+".none").check(&outcome{}, nil); known {
		t.Error("the size of no file is known")
	}
}

// Every row of inference times Limbeck and all peers, and has a goal for its memory;
// a row that is chosen brings the one that its goal needs.
func TestRows(t *testing.T) {
	d := &driver{set: &settings{threads: 2}, peers: []*llama{newLlama("bin", 2), newIK("bin", 2)}, noTorch: "none"}
	rows := d.rows()
	for _, r := range rows {
		var sides []string
		for _, s := range r.sides {
			sides = append(sides, s.name)
		}
		want := []string{limbeckName, llamaCPP, ik}
		if strings.HasPrefix(r.name, "train") || strings.Contains(r.name, "kept") {
			want = want[:1] // what no peer does
		}
		if !slices.Equal(sides, want) {
			t.Errorf("%s: sides %v, want %v", r.name, sides, want)
		}
		bounded := slices.ContainsFunc(r.goals, func(g goal) bool { return strings.HasPrefix(g.text, "≤ file + cache") })
		if infers := !strings.HasPrefix(r.name, "train") && !strings.HasPrefix(r.name, "quantize"); bounded != infers {
			t.Errorf("%s: a goal for memory beside the file: %v", r.name, bounded)
		}
	}
	for only, want := range map[string]string{
		"2 loops":     "decode, 135M Q4_0|decode, 2 loops, 135M Q4_0",
		"first token": "first token, 1B Q4_0|first token, 1B Q4_K_M|first token, packed weights kept, 1B Q4_0",
		"8,192":       "decode at 8,192, 135M Q4_0",
		"nothing":     "",
	} {
		var got []string
		for _, r := range d.chosen(regexp.MustCompile(only)) {
			got = append(got, r.name)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("-only %q: %q, want %s", only, got, want)
		}
	}
}

// A row tries every way of a side, keeps the fastest, and lets a side that fails
// not stop the others.
func TestTime(t *testing.T) {
	var ran []string
	way := func(flags string, value float64) variant {
		return variant{flags, func(context.Context) (sample, error) {
			ran = append(ran, flags)
			if value < 0 {
				return sample{}, os.ErrInvalid
			}
			return sample{Value: value, Memory: 7}, nil
		}}
	}
	d := &driver{set: &settings{rounds: 2, timeout: time.Hour}}
	for u, fastest := range map[unit]string{tokens: "b", seconds: "c"} {
		ran = nil
		o, err := d.time(context.Background(), &row{name: "row", unit: u, sides: []side{
			{limbeckName, []variant{way("a", 3)}}, {ik, []variant{way("b", 2), way("c", 1), way("bad", -1)}}, {llamaCPP, []variant{way("bad", -1), way("bad", -1)}}}})
		if err != nil {
			t.Fatal(err)
		}
		want := "b c bad bad bad a " + fastest + " " + fastest + " a"
		if got := strings.Join(ran, " "); got != want {
			t.Errorf("%s: ran %s, want %s", u, got, want)
		}
		if s := o.side(ik); s.Flags != fastest || len(s.Trials) != 2 || len(s.Values) != 2 || s.Memory != 7 {
			t.Errorf("%s: %+v", u, s)
		}
		if s := o.side(llamaCPP); s.Failed == "" || len(s.Values) != 0 {
			t.Errorf("%s: %+v", u, s)
		}
	}
}

// Both renderings name every row and side.
func TestRenderings(t *testing.T) {
	r := result{Rounds: 3, NoTorch: "none", Rows: outcomes()}
	r.Rows[0].Sides[1].Failed = "it fell over"
	r.Rows[0].judge([]goal{atLeast(1.6, ik), memoryAtMost(2e9)}, r.Rows)
	var text, markdown strings.Builder
	if err := r.writeText(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.writeMarkdown(&markdown); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"idle", "busy", "time", limbeckName, "ik", "300", "1.50", "60 %", "≥ 1.6 × ik", "missed", "2.00 GB", "met"} {
		if !strings.Contains(text.String(), want) || !strings.Contains(markdown.String(), want) {
			t.Errorf("%q is missing:\n%s\n%s", want, text.String(), markdown.String())
		}
	}
	if !strings.Contains(text.String(), "it fell over") {
		t.Error("nothing of the failure")
	}
	for line := range strings.Lines(text.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	columns := strings.Count(strings.SplitN(markdown.String(), "\n", 2)[0], "|")
	for line := range strings.Lines(markdown.String()) {
		if strings.Count(line, "|") != columns {
			t.Errorf("not %d columns: %s", columns-1, line)
		}
	}
	if err := r.print(&text, true); err == nil || !json.Valid([]byte(text.String()[strings.Index(text.String(), "{"):])) {
		t.Errorf("JSON: %v", err)
	}
}

// A command that is run tells what it printed and took, or why it failed.
func TestRun(t *testing.T) {
	const waits = "LIMBECK_TEST_WAITS" // says that this is a process that is to be stopped
	if os.Getenv(waits) != "" {
		time.Sleep(time.Hour)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := command{args: []string{self, "-test.run", "^$"}}.run(context.Background())
	if err != nil || len(p.out) == 0 || !(p.seconds > 0) {
		t.Errorf("%+v, %v", p, err)
	}
	_, err = command{args: []string{self, "-test.unknown"}}.run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "-test.unknown") {
		t.Errorf("an unknown flag: %v", err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer stop()
	if _, err := (command{args: []string{self, "-test.run", "^TestRun$"}, env: []string{waits + "=1"}}).run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the time was up: %v", err)
	}
}

// A program that a fault of its own ends is unable; one that is killed, or that ends
// itself, is not.
func TestFault(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil || runtime.GOOS == "windows" {
		t.Skip("needs a shell, and signals")
	}
	for script, want := range map[string]string{
		"kill -s ILL $$": "SIGILL", "kill -s SEGV $$": "SIGSEGV", "kill -s ABRT $$": "SIGABRT", "kill -s BUS $$": "SIGBUS", "kill -s FPE $$": "SIGFPE",
		"kill -s KILL $$": "", "kill -s TERM $$": "", "exit 1": "", "exit 132": "",
	} {
		_, err := command{args: []string{"sh", "-c", "ulimit -c 0; " + script}}.run(context.Background())
		var c *unable
		if err == nil || errors.As(err, &c) != (want != "") || c != nil && (c.how != want || c.program != "sh") {
			t.Errorf("%s: %v, %+v; want %q", script, err, c, want)
		}
	}
	if _, err := (command{args: []string{"no-such-program"}}).run(context.Background()); err == nil || errors.As(err, new(*unable)) {
		t.Errorf("no program: %v", err)
	}
}

// A peer whose time is up is ended, and is unable to do the row; Limbeck has all
// the time that it takes.
func TestTimeout(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil || runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	run := func(script string) func(context.Context) (sample, error) {
		return func(ctx context.Context) (sample, error) {
			p, err := command{args: []string{"sh", "-c", script}}.run(ctx)
			if err != nil {
				return sample{}, err
			}
			return sample{Value: p.seconds}, nil
		}
	}
	d := &driver{set: &settings{rounds: 1, timeout: 50 * time.Millisecond}}
	o, err := d.time(context.Background(), &row{name: "row", unit: tokens, sides: []side{
		only(limbeckName, run("sleep 0.2")), only(torch, run("exec sleep 60")),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if s := o.Sides[0]; len(s.Values) != 1 || s.Failed != "" {
		t.Errorf("Limbeck: %+v", s)
	}
	if got, want := o.Sides[1].Unable, []string{"sh: more than 50ms"}; !slices.Equal(got, want) {
		t.Errorf("a peer: %q, want %q", got, want)
	}
}

// A peer that is unable however it is run fails nothing, and is told of once. Anything
// else that fails does.
func TestUnableSides(t *testing.T) {
	ill := error(&unable{"llama-bench", "SIGILL", errors.New("llama-bench -m m: signal: illegal instruction")})
	segv := error(&unable{"llama-bench", "SIGSEGV", errors.New("llama-bench -m m: signal: segmentation fault")})
	flags := errors.New("llama-bench -x: exit status 1: unknown flag")
	for name, c := range map[string]struct {
		side   string
		ways   [][]error // what the runs of each way end with, over and over
		unable string
		failed bool
	}{
		"in one way":            {llamaCPP, [][]error{{ill}}, "llama-bench: SIGILL", false},
		"in all ways":           {ik, [][]error{{ill}, {ill}}, "llama-bench: SIGILL", false},
		"by two signals":        {torch, [][]error{{ill}, {segv}}, "llama-bench: SIGILL, llama-bench: SIGSEGV", false},
		"in one of two ways":    {ik, [][]error{{ill}, {nil}}, "", false},
		"beside other mistakes": {ik, [][]error{{ill}, {flags}}, "", true},
		"in some rounds":        {ik, [][]error{{nil, ill}}, "", true},
		"after a trial":         {ik, [][]error{{nil, ill, ill}, {ill}}, "", true},
		"another mistake":       {ik, [][]error{{flags}}, "", true},
		"Limbeck":               {limbeckName, [][]error{{ill}}, "", true},
		"nothing":               {ik, [][]error{{nil}}, "", false},
	} {
		s := side{name: c.side}
		for _, ends := range c.ways {
			n := 0
			s.variants = append(s.variants, variant{"", func(context.Context) (sample, error) {
				n++
				return sample{Value: 1}, ends[(n-1)%len(ends)]
			}})
		}
		d := &driver{set: &settings{rounds: 2, timeout: time.Hour}}
		o, err := d.time(context.Background(), &row{name: "row", unit: tokens, sides: []side{s}})
		if err != nil {
			t.Fatal(err)
		}
		r := result{Rows: []outcome{*o, *o}}
		r.Rows[1].Name = "another"
		var text strings.Builder
		err = r.print(&text, false)
		if got := strings.Join(o.Sides[0].Unable, ", "); got != c.unable || (err != nil) != c.failed {
			t.Errorf("%s: unable %q, %v; want %q, an error: %v", name, got, err, c.unable, c.failed)
		}
		for _, how := range o.Sides[0].Unable {
			if strings.Count(text.String(), how+" in row; another") != 1 {
				t.Errorf("%s: want once %s in\n%s", name, how, text.String())
			}
		}
		if told := strings.Contains(text.String(), c.side+" failed"); told != c.failed {
			t.Errorf("%s: a failure is told: %v\n%s", name, told, text.String())
		}
	}
}

// Random weights are the same in every run, with any number of threads, and have
// the spread that keeps a product's variance.
func TestRandom(t *testing.T) {
	a, b := randomTensor(1), randomTensor(2)
	if string(a.Data) != string(b.Data) {
		t.Error("other weights with other threads")
	}
	sum := 0.0
	v := a.Decode()
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if std := math.Sqrt(sum / float64(len(v))); math.Abs(std-1.0/16) > 0.002 {
		t.Errorf("spread %g, want 1/16", std)
	}
}

func randomTensor(threads int) *tensor.Tensor {
	pool := par.New(threads)
	defer pool.Close()
	return random{pool}.Tensor("blk.0.attn_q.weight", 3*fillRows/2, 256)
}

// A training that is timed has a rate, and costs three times a forward pass.
func TestTrain(t *testing.T) {
	m := testkit.Model(1)
	m.SetTrainable(func(*op.Weight) bool { return true })
	pool := par.New(2)
	defer pool.Close()
	for _, bf16 := range []bool{false, true} {
		if rate, err := trainRate(m, bf16, pool); err != nil || !(rate > 0) {
			t.Errorf("bf16 %v: %g tokens a second, %v", bf16, rate, err)
		}
	}
	c := m.Config()
	products := c.Vocab*c.Width + c.Layers*c.Width*(2*c.Heads*c.HeadDim+2*c.KVHeads*c.HeadDim+3*c.FFN)
	attention := 4 * float64(c.Layers*c.Heads*c.HeadDim) * (trainTokens + 1) / 2
	if got, want := trainCost(m), 3*(2*float64(products)+attention); got != want {
		t.Errorf("%g operations a token, want %g", got, want)
	}
}
