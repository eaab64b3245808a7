package steps

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/compress/prune"
	"limbeck/data"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/train"
)

// The shape that a prediction reckons with is the one that pruning makes.
func TestStudentConfig(t *testing.T) {
	m := testkit.Model(1)
	set := []train.Sequence{{IDs: m.Tokenizer.Encode("the cat sat on the mat", false), From: 1}}
	pool := par.New(1)
	defer pool.Close()
	imp, err := prune.Measure(t.Context(), m, set, pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]recipe.Student{
		"by parameters": {Params: 80e3},
		"by counts":     {Layers: recipe.Dim{Count: 2}, FFN: recipe.Dim{Share: 0.5}, Heads: recipe.Dim{Count: 2}, KVHeads: recipe.Dim{Count: 1}},
		"as it is":      {},
	} {
		student, err := sketch(&recipe.Recipe{Student: s}, m, imp)
		if err != nil {
			t.Fatal(err)
		}
		got := student.Config()
		shape, err := shapeOf(s, m, imp)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := prune.NewPlan(m, imp, shape)
		if err != nil {
			t.Fatal(err)
		}
		made, err := plan.Apply(m)
		if err != nil {
			t.Fatal(err)
		}
		if want := made.Config(); got != want {
			t.Errorf("%s: predicted %+v, made %+v", name, got, want)
		}
	}
}

// What is predicted is what so many threads take.
func TestPredictFor(t *testing.T) {
	defer PredictFor(0)
	c := &recipe.Chain{Recipe: recipe.Default[recipe.Recipe]()}
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := testkit.Model(1).Save(path); err != nil {
		t.Fatal(err)
	}
	if err := c.Recipe.Student.From.Set(path); err != nil {
		t.Fatal(err)
	}
	var took [2]float64
	for i, threads := range []int{1, 4} {
		PredictFor(threads)
		cost, err := predictQuantize(c, path, false, &recipe.Quantize{Size: 1e6})()
		if err != nil {
			t.Fatal(err)
		}
		took[i] = cost.Seconds
	}
	if took[0] == 0 || took[0] != 4*took[1] {
		t.Errorf("one thread takes %g s, four %g s, want a quarter", took[0], took[1])
	}
}

// The ranks that a forecast refuses are those that adapters cannot have.
func TestRank(t *testing.T) {
	for _, rank := range []int{1, 32, 33} {
		m := testkit.Model(1)
		_, want := train.Adapt(m.Model, rank, 1, 1)
		if got := checkRank(&recipe.Recipe{}, "train", &recipe.LoRA{Rank: rank}, m.Config()); (got == nil) != (want == nil) {
			t.Errorf("rank %d: forecast %v, training %v", rank, got, want)
		}
	}
}

// Times and memory grow with what there is to do.
func TestCostsGrow(t *testing.T) {
	c := arch.Config{Layers: 2, Width: 64, Heads: 2, KVHeads: 1, HeadDim: 32, FFN: 128, Vocab: 300, Tied: true}
	l := look{config: c, pass: work{1000, 500}, validation: work{100, 50}}
	less, more := recipe.Default[recipe.Train](), recipe.Default[recipe.Train]()
	more.Epochs = 2 * less.Epochs
	a, b := l.train(c, less, false, l.beside(0, less)), l.train(c, more, false, l.beside(0, more))
	if !(b.Seconds > 1.9*a.Seconds && b.Seconds < 2.1*a.Seconds) || a.Memory != b.Memory {
		t.Errorf("twice the epochs: %+v, then %+v", a, b)
	}
	more = recipe.Default[recipe.Train]()
	more.LR = recipe.Rates{1e-3, 2e-3}
	if b = l.train(c, more, false, l.beside(0, more)); !(b.Seconds > 1.9*a.Seconds) || b.Memory != a.Memory || b.Disk <= a.Disk {
		t.Errorf("two learning rates: %+v, then %+v", a, b)
	}
	if b = l.train(c, less, true, l.beside(0, less)); math.Abs(float64(b.Memory-a.Memory)-collected*4*float64(c.Params())) > 1 {
		t.Errorf("masters take %d bytes, want 4 each of %d", b.Memory-a.Memory, c.Params())
	}
	more = recipe.Default[recipe.Train]()
	more.LoRA = recipe.Default[recipe.LoRA]()
	if b = l.train(c, more, false, l.beside(0, more)); b.Memory >= a.Memory {
		t.Errorf("adapters take %d bytes, all weights %d", b.Memory, a.Memory)
	}
}

// A training validates at its end too, and never if it keeps its last weights.
func TestValidations(t *testing.T) {
	l := look{pass: work{tokens: 12 * 1000}} // a dozen steps of the default's size
	for set, want := range map[string]float64{
		"epochs=3": 3, "epochs=1.5": 2, "epochs=0.25": 1, "steps=3": 1,
		"eval_every=5": 8, "eval_every=4": 9, "eval_every=10%": 10, "eval_every=30%": 4, "keep=last": 0,
	} {
		r, err := recipe.Read("a.yaml", []byte("name: a\nteacher: t.gguf\ndata: d.jsonl\ntrain: {}\n"), "train."+set)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := l.passes(r.Train); got != want {
			t.Errorf("%s: %g validations, want %g", set, got, want)
		}
	}
}

// The checkpoints of a training lie beside the models of the rates before it, and beside
// its own; then these lie beside what is made of them.
func TestDisk(t *testing.T) {
	c := arch.Config{Layers: 2, Width: 64, Heads: 2, KVHeads: 1, HeadDim: 32, FFN: 128, Vocab: 300, Tied: true}
	model := 4 * int64(c.Params())
	adapter := 4 * int64(adapted(c, 4))
	for name, x := range map[string]struct {
		rates      int
		rank       int
		validation work
		want       int64
	}{
		"validated":     {1, 0, work{100, 50}, (3 + 3 + 2) * model},
		"not validated": {1, 0, work{}, (3 + 3) * model},
		"three rates":   {3, 0, work{100, 50}, (2 + 3 + 3 + 2) * model},
		"adapters":      {1, 4, work{100, 50}, max(2*model, model+(3+2)*adapter, (3+3+2)*adapter)},
	} {
		l := look{config: c, pass: work{1000, 500}, validation: x.validation}
		s := recipe.Default[recipe.Train]()
		s.LR = make(recipe.Rates, x.rates)
		if x.rank > 0 {
			s.LoRA = &recipe.LoRA{Rank: x.rank, Alpha: 1}
		}
		cost := l.train(c, s, false, needs{})
		if cost.Disk != x.want {
			t.Errorf("%s: %d bytes, want %d", name, cost.Disk, x.want)
		}
		if kept := cost.Disk - cost.Passing; kept != model {
			t.Errorf("%s: %d bytes stay, want those of the model, %d", name, kept, model)
		}
	}
}

// heldOut loads a recipe in a new folder, with so much set. There are 30 rows to learn
// from, the same of them with 40 assigned to validation, of which every fourth is long,
// files of these and of the long ones, and two texts.
func heldOut(t *testing.T, set ...string) *recipe.Chain {
	t.Helper()
	dir := t.TempDir()
	if err := testkit.Model(1).Save(filepath.Join(dir, "teacher.gguf")); err != nil {
		t.Fatal(err)
	}
	var learned, held, long []string
	for i := range 30 {
		learned = append(learned, fmt.Sprintf(`["the lamp number %d", "on"]`, i))
	}
	for i := range 40 {
		held = append(held, fmt.Sprintf(`["%s number %d", "on"]`, strings.Repeat("the radio ", 1+i%4/3*9), i))
		if i%4 == 3 {
			long = append(long, held[i])
		}
	}
	list := func(rows []string) string { return "[" + strings.Join(rows, ", ") + "]" }
	for name, text := range map[string]string{
		"train.json":    `{"train": ` + list(learned) + `}`,
		"held.json":     `{"train": ` + list(held) + `}`,
		"long.json":     `{"train": ` + list(long) + `}`,
		"assigned.json": `{"train": ` + list(learned) + `, "val": ` + list(held) + `}`,
		"book.txt":      strings.Repeat("the cat sat on the mat. ", 400),
		"end.txt":       strings.Repeat("on a mat sits a cat. ", 300),
		"recipe.yaml":   "name: a\nteacher: ./teacher.gguf\ndata: train.json\nsynthesize: {}\ntrain: {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	r, err := recipe.Load(filepath.Join(dir, "recipe.yaml"), set...)
	if err != nil {
		t.Fatal(err)
	}
	return &recipe.Chain{Recipe: r}
}

// A forecast counts what validations read: of the examples that are held out, by a share,
// a file or the rows themselves, those that the limit leaves, without those that are too
// long; in memory all examples; on the disk the best validation's weights, if there is one.
func TestForecastOfValidation(t *testing.T) {
	const file, assigned, short = "data.validation=held.json", "data.train=assigned.json", "train.max_tokens=64"
	for name, x := range map[string]struct {
		set        []string
		held, read int // examples; 0 held: as many as the share draws
		short      int // of those that are read
	}{
		"file":                {[]string{file}, 40, 40, 40},
		"assigned":            {[]string{assigned}, 40, 40, 40},
		"share":               {[]string{"data.validation=20%"}, 0, 40, 40},
		"limit":               {[]string{file, "train.eval_limit=7"}, 40, 7, 7},
		"large limit":         {[]string{assigned, "train.eval_limit=700"}, 40, 40, 40},
		"too long":            {[]string{file, short}, 40, 40, 30},
		"too long, and limit": {[]string{assigned, short, "train.eval_limit=7"}, 40, 7, 6},
		"all too long":        {[]string{"data.validation=long.json", short}, 10, 10, 0},
		"none":                {[]string{file, "train.keep=last"}, 40, 0, 0},
		"fewer tokens":        {[]string{file, "student.vocab=260"}, 40, 40, 40},
	} {
		t.Run(name, func(t *testing.T) {
			c := heldOut(t, x.set...)
			ref := c.Recipe.Teacher[0].From.Text
			l, err := examine(c, ref)
			if err != nil {
				t.Fatal(err)
			}
			rest, held, err := readExamples(c)
			if err != nil {
				t.Fatal(err)
			}
			if x.held > 0 && len(held) != x.held || len(held) == 0 || len(rest)+len(held) < 30 {
				t.Fatalf("%d examples are held out beside %d, want %d", len(held), len(rest), x.held)
			}
			m, tokens := l.sketched, l.cut
			if m == nil {
				if m, err = openReady(c, ref, rest, Open); err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				tokens = l.own
			}
			set, _, err := data.Sequences(m, held[:min(x.read, len(held))], int(c.Recipe.Train.MaxTokens))
			if err != nil {
				t.Fatal(err)
			}
			if want := min(x.short, len(held)); len(set) != want {
				t.Fatalf("%d examples are short enough, want %d", len(set), want)
			}
			want := predicted(set)
			if got := tokens.validation(c.Recipe.Train); got != want {
				t.Errorf("a validation predicts %+v, want %+v", got, want)
			}
			cost, beside, err := predictTrain(c, "train", ref, true, c.Recipe.Train, nil)()
			if err != nil {
				t.Fatal(err)
			}
			l = l.whole(c.Recipe.Data)
			checkHeldMemory(t, &l, beside, len(held), want)
			best := int64(2)
			if x.short == 0 {
				best = 0
			}
			if want := (3 + 3 + best) * 4 * int64(l.student.Params()); cost.Disk != want {
				t.Errorf("%d bytes of disk, want %d", cost.Disk, want)
			}
		})
	}
}

// predicted is what a pass over set predicts.
func predicted(set []train.Sequence) (w work) {
	for _, s := range set {
		w = w.and(work{float64(len(s.IDs) - 1), float64(s.Targets())})
	}
	return w
}

// checkHeldMemory checks that what a training has in memory beside what is trained has, of
// those that are held out, so many examples and the tokens of one validation.
func checkHeldMemory(t *testing.T, l *look, beside needs, examples int, validation work) {
	t.Helper()
	got := beside.heap - l.reading().heap
	if want := int64(float64(examples)*exampleMemory + validation.tokens*sequenceMemory); got != want {
		t.Errorf("what is held out takes %d bytes of memory, want %d", got, want)
	}
}

// The texts of a validation are counted by their bytes.
func TestForecastOfHeldText(t *testing.T) {
	for name, file := range map[string]string{"file": "end.txt", "share": "25%"} {
		c := heldOut(t, "data.train=book.txt", "data.validation="+file)
		ref := c.Recipe.Teacher[0].From.Text
		c.Recipe.Synthesize = nil
		l, err := examine(c, ref)
		if err != nil {
			t.Fatal(err)
		}
		_, held, err := readExamples(c)
		if err != nil || len(held) != 1 {
			t.Fatal(held, err)
		}
		tokens := l.pass.tokens / float64(24*400-len(held[0].Text))
		if name == "file" {
			tokens = l.pass.tokens / (24 * 400)
		}
		tokens *= float64(len(held[0].Text))
		if got, want := l.own.validation(c.Recipe.Train), (work{tokens, tokens}); got != want || tokens < 500 {
			t.Errorf("%s: a validation predicts %+v, want %+v", name, got, want)
		}
		_, beside, err := predictTrain(c, "train", ref, false, c.Recipe.Train, nil)()
		if err != nil {
			t.Fatal(err)
		}
		checkHeldMemory(t, &l, beside, 1, work{tokens, tokens})
	}
}

// The writer of prompts is validated by prompts.
func TestForecastOfHeldPrompts(t *testing.T) {
	c := heldOut(t, "data.validation=held.json", "synthesize.eval_limit=7", "synthesize.max_tokens=20")
	ref := c.Recipe.Teacher[0].From.Text
	l, err := examine(c, ref)
	if err != nil {
		t.Fatal(err)
	}
	rest, held, err := readExamples(c)
	if err != nil {
		t.Fatal(err)
	}
	m, err := openReady(c, ref, rest, Open)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	set, _, err := data.Sequences(m, held[:7], unbounded)
	if err != nil {
		t.Fatal(err)
	}
	prompts := 0
	for _, s := range set {
		prompts += s.From
	}
	_, beside, err := predictWriter(c, ref, &c.Recipe.Synthesize.Train)()
	if err != nil {
		t.Fatal(err)
	}
	l.pass = l.prompts
	checkHeldMemory(t, &l, beside, len(held), work{tokens: float64(prompts)})
}

// The memory of a training is that of its longest example, if it takes that.
func TestLongExamples(t *testing.T) {
	c := arch.Config{Layers: 2, Width: 64, Heads: 2, KVHeads: 1, HeadDim: 32, FFN: 128, Vocab: 300, Tied: true}
	s := recipe.Default[recipe.Train]()
	s.MaxTokens, s.BatchTokens = 4096, 4096
	for _, x := range []struct {
		of   lengths
		want int
	}{{lengths{learned: []int{100, 3000, 9000}}, 2999}, {lengths{learned: []int{100}}, 2048}, {lengths{}, 4095}} {
		l := look{config: c, pass: work{1e5, 5e4}, longest: x.of.longest(s)}
		if p, _ := l.plan(c, s, false, needs{}); p.Tokens != x.want {
			t.Errorf("lengths %v: passes of %d tokens, want %d", x.of.learned, p.Tokens, x.want)
		}
	}
}

// A training keeps to its budget with what its step has in memory beside it, and
// computes twice no more than that takes. A budget that it cannot keep to is refused
// with the least that it can.
func TestBudget(t *testing.T) {
	c := arch.Config{Layers: 12, Width: 256, Heads: 4, KVHeads: 2, HeadDim: 64, FFN: 768, Vocab: 3000, Tied: true}
	l := look{config: c, pass: work{1e5, 5e4}}
	for name, lora := range map[string]*recipe.LoRA{"all weights": nil, "adapters": recipe.Default[recipe.LoRA]()} {
		s := recipe.Default[recipe.Train]()
		s.LoRA = lora
		beside := l.beside(30e6, s).and(needs{heap: 50e6})
		free, most := l.plan(c, s, false, beside)
		if free.Recompute > 0 {
			t.Fatalf("%s: %d blocks computed twice without a budget: less memory is available than the test needs", name, free.Recompute)
		}
		s.Memory = 1
		_, least := l.plan(c, s, false, beside)
		if least >= most {
			t.Fatalf("%s: at least %d bytes, at most %d: want a saving", name, least, most)
		}
		before := c.Layers
		for memory := least; memory <= most; memory += max(1, (most-least)/7) {
			s.Memory = recipe.Size(memory)
			p, need := l.plan(c, s, false, beside)
			if need > memory || p.Recompute > before {
				t.Errorf("%s: of %d bytes %d are taken, %d blocks computed twice, %d of fewer bytes", name, memory, need, p.Recompute, before)
			}
			before = p.Recompute
		}
		if before > 1 {
			t.Errorf("%s: near %d bytes %d blocks are computed twice, want at most one", name, most, before)
		}
		s.Memory = recipe.Size(least - 1)
		err := checkMemory(new(recipe.Recipe), "train", s, l.train(c, s, false, beside))
		allowed := recipe.Size((least + 1e6 - 1) / 1e6 * 1e6)
		if err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf("(allowed: at least %v)", allowed)) {
			t.Errorf("%s: a byte less than %d: %v, want that %v are allowed", name, least, err, allowed)
		}
		s.Memory = allowed
		if err := checkMemory(new(recipe.Recipe), "train", s, l.train(c, s, false, beside)); err != nil {
			t.Errorf("%s: what was allowed is refused: %v", name, err)
		}
	}
}

// memoryTolerance is how far predictions of memory may be off: the promise of
// the preflight.
const memoryTolerance = 0.15

// measuredRecipe is the demo's on less data. What steps of it took at most is in
// measured, in bytes, as the kernel told: on Linux, two cores.
const measuredRecipe = `name: measured
teacher: builtin:home-assistant
data: {train: %[1]s/train.jsonl, test: %[1]s/test.jsonl, limit: 3000, augment: {invent_values: 0.6}}
student: {heads: 4, kv_heads: 2, ffn: 160, vocab: 2400}
distill: {cache: topk, topk: 16, steps: 4, eval_every: 2, eval_limit: 60, compute: bf16}
quantize: {format: q4_0, embedding: q4_0}
compare: {rounds: 1, prompts: 5, examples: 10, limit: 150}
`

var measured = map[string]float64{"prune": 64.1e6, "cache": 95.4e6, "distill": 208.7e6, "quantize": 73.4e6, "compare": 88.9e6}

// Predictions against measured peaks.
func TestMeasuredMemory(t *testing.T) {
	data, err := filepath.Abs("../../store/builtin/home-assistant")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "measured.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, measuredRecipe, data), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := recipe.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	made, err := recipe.Compile(r)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := run.Open(filepath.Join(t.TempDir(), "run"), "test").Plan(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, s := range plan.Steps {
		want, ok := measured[s.Name]
		if !ok {
			continue
		}
		seen++
		t.Logf("%s: %.1f MB predicted, %.1f measured", s.Name, float64(s.Cost.Memory)/1e6, want/1e6)
		if off := float64(s.Cost.Memory)/want - 1; off < -memoryTolerance || off > memoryTolerance {
			t.Errorf("%s: %d bytes predicted, %.0f measured: off by %.0f %%", s.Name, s.Cost.Memory, want, 100*off)
		}
	}
	if seen != len(measured) {
		t.Errorf("%d of %d steps", seen, len(measured))
	}
}
