package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/bench"
	"limbeck/eval/report"
	"limbeck/internal/disk"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/measure"
	"limbeck/model"
	"limbeck/nn/op"
	"limbeck/train"
)

func TestMain(m *testing.M) {
	bench.Child(model.Open)
	os.Exit(m.Run())
}

// commands returns n examples with intents and slots.
func commands(n int) (out []data.Example) {
	hours := []string{"six", "seven", "ten", "noon"}
	for i := range n {
		h := hours[i%len(hours)]
		e := data.NewStructured(fmt.Sprintf("wake me at %s or %d", h, i), "alarm_set", []data.Slot{{Name: "time", Value: h}})
		if i%3 == 0 {
			e = data.NewStructured(fmt.Sprintf("play song %d", i), "play", nil)
		}
		e.ID = fmt.Sprint("row ", i)
		out = append(out, e)
	}
	return out
}

// models writes tiny random models and returns them as contestants.
func models(t *testing.T, n int) (out []Contestant) {
	for i := range n {
		path := filepath.Join(t.TempDir(), "tiny.gguf")
		m := testkit.Model(uint64(i + 1))
		m.Meta.Set("general.license", "apache-2.0")
		m.Meta.Set(model.HistoryKey, []string{"pruned to nothing", "trained on 3 examples"})
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
		role := report.Student
		if i == 0 {
			role = report.Teacher
		}
		out = append(out, Contestant{Name: fmt.Sprint("model ", i), Role: role, Ref: path})
	}
	return out
}

func untimed(t *testing.T, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Untimed().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRun(t *testing.T) {
	contestants := models(t, 3)
	opened := 0
	o := Options{
		Bootstrap: measure.Bootstrap{Resamples: 200}, Rounds: 2, Prompts: 3, Examples: 5, Train: commands(40), Threads: 1,
		Prices: Prices{Currency: "EUR", MachineHour: 3.6}, Checkpoints: t.TempDir(),
		Open: func(ref string) (*model.Model, error) { opened++; return model.Open(ref) },
	}
	r, err := Run(context.Background(), contestants, commands(12), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Models) != 4 || r.Models[3].Role != report.Baseline || r.Models[3].Quality[0].Value.Or(-1) != 1 {
		t.Fatalf("models %+v: want the classical baseline last, and right", r.Models)
	}
	m := r.Models[1]
	if m.License != "apache-2.0" || len(m.Lineage) != 2 || m.Bytes == 0 || m.Params == 0 || !strings.HasPrefix(m.Digest, "sha256:") {
		t.Errorf("described as %+v", m)
	}
	var parts int64
	for _, p := range m.Parts {
		parts += p.Bytes
	}
	if parts != m.Bytes {
		t.Errorf("parts of %d bytes, a file of %d", parts, m.Bytes)
	}
	if d := m.Divergence; d == nil || d.N != 12 || d.KL.Or(0) <= 0 || d.Dropped.Or(-1) != 0 {
		t.Errorf("divergence %+v", m.Divergence)
	}
	if s := m.Speed; s.Rounds != 2 || len(s.Latencies) != 6 || s.Requests.Median.Or(0) <= 0 || s.Load.Median.Or(0) <= 0 {
		t.Errorf("speed %+v", m.Speed)
	}
	rate, cost := m.Speed.Requests.Median.Or(0), m.Cost.PerThousand.Or(0)
	if math.Abs(cost*rate-1) > 1e-9 { // 3.6 an hour is a thousandth a second
		t.Errorf("1,000 requests cost %v at %v a second", cost, rate)
	}
	// Metrics of who writes no values × (pairs of models, baseline against each student).
	if want := 4 * (3 + 2); len(r.Pairs) != want {
		t.Errorf("%d pairs, want %d", len(r.Pairs), want)
	}
	last := r.Pairs[len(r.Pairs)-4]
	if last.A != report.Classical || last.B != "model 2" || last.Diff.Or(0) != -1 || !strings.HasPrefix(last.Verdict, "worse by 100.0 points") {
		t.Errorf("last pair %+v", last)
	}
	if len(r.Examples) != 5 || len(r.Examples[0].Replies) != 4 {
		t.Errorf("%d examples", len(r.Examples))
	}

	for _, m := range r.Models {
		has := slices.ContainsFunc(m.Quality, func(q report.Metric) bool { return q.Name == eval.ForeignValues.Name })
		if writes := m.Role == report.Baseline; has != writes {
			t.Errorf("%s has a share of foreign values: %v, and writes values: %v", m.Name, has, writes)
		}
	}

	// What was kept is not made again, and threads change nothing.
	opened, o.Rounds = 0, 0
	again, err := Run(context.Background(), contestants, commands(12), o)
	if err != nil || opened != 0 {
		t.Errorf("opened %d models again, %v", opened, err)
	}
	o.Checkpoints, o.Threads = "", 2
	fresh, err := Run(context.Background(), contestants, commands(12), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Models {
		r.Models[i].Cost = report.Cost{}
	}
	a := strings.Split(untimed(t, r), "\n")
	for name, other := range map[string]*report.Report{"resumed": again, "on two threads": fresh} {
		b := strings.Split(untimed(t, other), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Errorf("%s, line %d of the report: %s, want %s", name, i+1, b[i], a[i])
				break
			}
		}
		if len(a) != len(b) {
			t.Errorf("%s, the report has %d lines, want %d", name, len(b), len(a))
		}
	}
}

// What was kept for one task does not change what is reported of another.
func TestAnswersAreOfTheirTask(t *testing.T) {
	// Of more than 128 tokens.
	long := data.NewStructured("say it", "say", []data.Slot{{Name: "word", Value: strings.Repeat("xz", 100)}})
	examples := append(commands(2), long)
	o := Options{Bootstrap: measure.Bootstrap{Resamples: 100}, Threads: 1, Open: model.Open}
	m := models(t, 1)
	judged := func(task, checkpoints string) string {
		t.Helper()
		o.Task, o.Checkpoints = task, checkpoints
		r, err := Run(context.Background(), m, examples, o)
		if err != nil {
			t.Fatal(err)
		}
		return untimed(t, r)
	}
	dir := t.TempDir()
	judged(eval.JSONSlots.Name, dir)
	if got, want := judged(eval.ExactMatch.Name, dir), judged(eval.ExactMatch.Name, ""); got != want {
		t.Errorf("after %s, %s is reported as %s\nwant %s", eval.JSONSlots.Name, eval.ExactMatch.Name, got, want)
	}
}

// A folder has the digest that recipes' lineages have of it.
func TestDigestOfFolder(t *testing.T) {
	c := models(t, 1)
	file := c[0].Ref
	c[0].Ref = filepath.Dir(file)
	if err := os.WriteFile(filepath.Join(c[0].Ref, ".hidden"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	want, err := disk.Digest(c[0].Ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	open := func(string) (*model.Model, error) { return model.Open(file) }
	r, err := Run(context.Background(), c, commands(1), Options{Bootstrap: measure.Bootstrap{Resamples: 100}, Threads: 1, Open: open})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Models[0].Digest; got != "sha256:"+want {
		t.Errorf("digest %s, want sha256:%s", got, want)
	}
}

// An example that cannot be judged is found out before any model answers.
func TestUnjudgeable(t *testing.T) {
	examples := append(commands(3), data.NewChat("wake me", "no JSON"))
	examples[3].ID = "row 3"
	_, err := Run(context.Background(), models(t, 1), examples, Options{Task: eval.JSONSlots.Name, Open: model.Open,
		Progress: func(stage string, _, _ int64, _ string) {
			if !strings.Contains(stage, "counts tokens") {
				t.Errorf("%s, before the examples are looked at", stage)
			}
		}})
	if err == nil || !strings.Contains(err.Error(), "row 3: no intent to compare with") {
		t.Errorf("error %v, want one that names the example", err)
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, models(t, 2), commands(4), Options{Open: model.Open}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// Examples that are longer than the context of one of the models judge none of them.
func TestLeaveOut(t *testing.T) {
	contestants := models(t, 2)
	m := testkit.Model(2)
	if err := m.SetTemplate(strings.Repeat("z", 60) + "{{ messages[-1]['content'] }}"); err != nil {
		t.Fatal(err)
	}
	if err := m.Save(contestants[1].Ref); err != nil {
		t.Fatal(err)
	}
	fits := commands(4)
	// With the template's 60 too long for the other.
	short := data.NewStructured(strings.Repeat("y", 90), "play", nil)
	long := data.NewStructured(strings.Repeat("y", 200), "play", nil)
	short.ID, long.ID = "short", "long"
	opened := 0
	o := Options{Bootstrap: measure.Bootstrap{Resamples: 100}, Threads: 1, Checkpoints: t.TempDir(),
		Open: func(ref string) (*model.Model, error) { opened++; return model.Open(ref) }}
	run := func(examples ...data.Example) (*report.Report, error) {
		return Run(t.Context(), contestants, examples, o)
	}
	got, err := run(fits[0], short, fits[1], long, fits[2], fits[3])
	if err != nil {
		t.Fatal(err)
	}
	const note = "2 of 6 examples are longer than the context of model 0, model 1, the first is short: no model is judged by them."
	if len(got.Notes) == 0 || got.Notes[0].Text != note {
		t.Errorf("notes %+v, want %s", got.Notes, note)
	}
	opened = 0
	if _, err := run(fits[0], short, fits[1], long, fits[2], fits[3]); err != nil || opened != 0 {
		t.Errorf("opened %d models again, %v", opened, err)
	}
	want, err := run(fits...)
	if err != nil {
		t.Fatal(err)
	}
	got.Notes = got.Notes[1:]
	if got, want := untimed(t, got), untimed(t, want); got != want {
		t.Errorf("got %s\nwant as without those: %s", got, want)
	}
	if _, err := run(long); err == nil {
		t.Error("no error where no example is left")
	}
}

// Lengths are counted by what only looks at a model, which tells how far it is and stops.
func TestLeaveOutStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Look: model.Open, Progress: func(string, int64, int64, string) { cancel() },
		Open: func(string) (*model.Model, error) {
			t.Error("a model is opened to compute")
			return nil, errors.New("no")
		}}
	if _, err := Run(ctx, models(t, 2), commands(4), o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// A reply that its context ends is judged as far as it goes; its loss is of all of it.
func TestLongReplies(t *testing.T) {
	m := testkit.Model(1)
	examples := []data.Example{data.NewChat("hi", strings.Repeat("y", 200)), data.NewChat("hi", "good day to you")}
	for metric, want := range map[string][]int{eval.Exact.Name: nil, perplexity: {0}} {
		got, err := TooLong(m, examples, Options{Metrics: []string{metric}})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v too long, error %v, want %v", metric, got, err, want)
		}
	}
}

func TestFreeText(t *testing.T) {
	examples := []data.Example{data.NewChat("hi", "good day to you"), data.NewChat("bye", "see you soon")}
	r, err := Run(context.Background(), models(t, 2), examples, Options{Open: model.Open, Train: examples, Bootstrap: measure.Bootstrap{Resamples: 100}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Metrics[0].Name != perplexity || r.Models[0].Quality[0].Value.Or(0) <= 1 || r.Pairs[0].Metric != perplexity {
		t.Errorf("metrics %+v", r.Metrics)
	}
	if len(r.Notes) != 2 || !strings.Contains(r.Notes[1].Text, "None") {
		t.Errorf("notes %+v: want one on the baseline", r.Notes)
	}
	// These models know no end.
	if want := "model 0: 2 of 2, at 128 tokens or the end of the context; model 1: 2 of 2, at 128 tokens or the end of the context. "; len(r.Notes) == 0 || !strings.HasPrefix(r.Notes[0].Text, want) {
		t.Errorf("notes %+v: want one that says %s", r.Notes, want)
	}
}

// Labels that are as good as numbers have no classical baseline, and the report says why.
func TestNoBaselineOfPrices(t *testing.T) {
	var prices []data.Example
	for i := range 9000 {
		prices = append(prices, data.NewLabeled(fmt.Sprintf("a house with %d rooms in street %d", i%9, i), fmt.Sprintf("%d.99", i)))
	}
	r, err := Run(t.Context(), models(t, 2), prices[:2], Options{Open: model.Open, Train: prices, Bootstrap: measure.Bootstrap{Resamples: 100}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "None: the training examples have 9,000 labels, and of so much text it learns "
	if !slices.ContainsFunc(r.Notes, func(n report.Note) bool { return strings.HasPrefix(n.Text, want) }) || len(r.Models) != 2 {
		t.Errorf("%d models, want 2; notes %+v, want one that begins %q", len(r.Models), r.Notes, want)
	}
}

// A teacher in floats beside a student that is rounded flatters the student's size
// and speed, and the report says so.
func TestNoteFormats(t *testing.T) {
	f32, q8 := []string{"f32"}, []string{"q8_0", "f32"}
	for _, c := range []struct {
		teacher, student []string
		role             report.Role
		want             string
	}{
		{f32, q8, report.Student, "warning: large is stored in f32, small in q8_0. "},
		{[]string{"bf16", "f32"}, []string{"q4_0", "q8_0"}, report.Student, "warning: large is stored in bf16 and f32, small in q4_0 and q8_0. "},
		{f32, f32, report.Student, ""},
		{q8, []string{"q4_0"}, report.Student, ""},
		{f32, q8, report.Baseline, ""},
	} {
		x := &comparison{rows: []*row{
			{Contestant: Contestant{Name: "large", Role: report.Teacher}, outcome: outcome{Model: report.Model{Formats: c.teacher}}},
			{Contestant: Contestant{Name: "small", Role: c.role}, outcome: outcome{Model: report.Model{Formats: c.student}}},
		}}
		x.noteFormats()
		if got := len(x.Notes); c.want == "" && got > 0 || c.want != "" && (got != 1 || !strings.HasPrefix(x.Notes[0].Text, c.want)) {
			t.Errorf("%v and %v: notes %+v, want %q", c.teacher, c.student, x.Notes, c.want)
		}
	}
}

// Whose replies are held to a form, the report says.
func TestNoteReplies(t *testing.T) {
	for _, c := range []struct {
		teacher, student string
		task             *eval.Task
		want             string
	}{
		{"", "", &eval.JSONSlots, ""},
		{model.Extractive, model.Extractive, nil, ""},
		{model.Extractive, model.Extractive, &eval.JSONSlots, "Those of large and small are held to what their files say: an intent and slots, with values that are pieces of the prompt. Other"},
		{"", model.Extractive, &eval.JSONSlots, "Those of small are held to what their files say: an intent and slots, with values that are pieces of the prompt. Those of large are not. Other"},
	} {
		x := &comparison{task: c.task, rows: []*row{
			{Contestant: Contestant{Name: "large"}, outcome: outcome{Model: report.Model{Replies: c.teacher}}},
			{Contestant: Contestant{Name: "small"}, outcome: outcome{Model: report.Model{Replies: c.student}}},
		}}
		x.noteReplies()
		if got := len(x.Notes); c.want == "" && got > 0 || c.want != "" && (got != 1 || !strings.HasPrefix(x.Notes[0].Text, c.want)) {
			t.Errorf("%q and %q: notes %+v, want %q", c.teacher, c.student, x.Notes, c.want)
		}
	}
}

func TestMetrics(t *testing.T) {
	choose := func(examples []data.Example, task string, want ...string) (names string, err error) {
		c := &comparison{Options: Options{Task: task, Metrics: want}, examples: examples}
		err = c.chooseMetrics()
		for _, m := range c.metrics {
			names += m.info.Name + " "
		}
		return strings.TrimSpace(names), err
	}
	labels := []data.Example{data.NewLabeled("a", "x"), data.NewLabeled("b", "y")}
	for _, c := range []struct {
		examples []data.Example
		task     string
		metrics  []string
		want     string
	}{
		{commands(3), "", nil, "exact_match intent_accuracy slot_f1 invalid_json foreign_values"},
		{commands(3), "auto", []string{"foreign_values", "perplexity"}, "foreign_values perplexity"},
		{labels, "", nil, "accuracy"},
		{labels, "choice", []string{"accuracy"}, "accuracy"},
		{[]data.Example{{Text: "plain"}}, "", nil, "perplexity"},
		{commands(3), "exact_match", nil, "exact_match"},
	} {
		if got, err := choose(c.examples, c.task, c.metrics...); err != nil || got != c.want {
			t.Errorf("%s %v: got %s, %v, want %s", c.task, c.metrics, got, err, c.want)
		}
	}
	// What the models learned says what the examples are, and a task that is
	// asked for stands.
	said := []data.Example{data.NewChat("hi", "Good day!"), data.NewChat("bye", "So long.")}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "perplexity exact_match"},
		{Options{Form: data.Classification}, "accuracy"},
		{Options{Train: labels}, "accuracy"},
		{Options{Task: "exact_match"}, "exact_match"},
		{Options{Task: "choice"}, "accuracy"},
	} {
		x := &comparison{Options: c.o, examples: said}
		err := x.chooseMetrics()
		var names []string
		for _, m := range x.metrics {
			names = append(names, m.info.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != c.want {
			t.Errorf("%+v: got %s, %v, want %s", c.o, got, err, c.want)
		}
	}
	for _, form := range []data.Form{data.PlainText, data.FreeText, data.Classification, data.StructuredJSON, data.FreeJSON} {
		x := &comparison{Options: Options{Form: form}}
		if err := x.chooseMetrics(); err != nil || x.metrics[0].info.Name != (data.Description{Form: form}).Metric() {
			t.Errorf("%s: %s decides, %v, want what package data says", form, x.metrics[0].info.Name, err)
		}
	}
	if _, err := choose(labels, "", "slot_f1"); err == nil || !strings.Contains(err.Error(), "known are: accuracy, perplexity") {
		t.Errorf("error %v", err)
	}
	if _, err := choose(commands(3), "", "accuracy"); err == nil || !strings.Contains(err.Error(), "known are: exact_match, intent_accuracy") {
		t.Errorf("accuracy of slots: error %v, want one that names what there is", err)
	}
	if _, err := choose(commands(3), "", "slot_fl"); err == nil || !strings.Contains(err.Error(), `did you mean "slot_f1"?`) {
		t.Errorf("error %v", err)
	}
	const want = `compare: task "chioce" is not known; did you mean "choice"?; known are: auto, choice, exact_match, json_slots, perplexity`
	if _, err := choose(labels, "chioce"); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestOpponents(t *testing.T) {
	c := &comparison{}
	for _, role := range []report.Role{report.Teacher, report.Student, report.Student, report.Student, report.Baseline} {
		c.rows = append(c.rows, &row{Contestant: Contestant{Role: role}})
	}
	want := [][2]int{{0, 1}, {0, 2}, {0, 3}, {4, 1}, {4, 2}, {4, 3}}
	if got := c.opponents(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPairVerdict(t *testing.T) {
	same := []float64{1, 0, 1, 1, 0, 1, 1, 1, 0, 1}
	p := measure.Bootstrap{}.Compare(measure.Average, same, same)
	got := newPair("a", "b", report.MetricInfo{Unit: report.Percent}, &p)
	// z²/(10 + z²) = 0.2775
	if got.Verdict != "no example tells them apart; a loss above 27.8 points is excluded" {
		t.Errorf("verdict %q", got.Verdict)
	}
	p = measure.Bootstrap{}.Compare(measure.F1, []float64{1, 0, 1}, []float64{1, 1, 1})
	if got = newPair("a", "b", report.MetricInfo{Unit: report.Percent}, &p); got.Verdict != "no interval: nothing is claimed" {
		t.Errorf("of one example: verdict %q", got.Verdict)
	}
}

// A model that is never right keeps none of what another is now and then, for certain:
// the ratio's bounds are one point.
func TestPairOfNone(t *testing.T) {
	right, wrong := []float64{2, 0, 0, 1, 1, 1, 3, 1, 0}, []float64{0, 1, 2, 0, 0, 2, 0, 0, 3}
	p := measure.Bootstrap{}.Compare(measure.F1, right, wrong)
	got := newPair("a", "b", report.MetricInfo{Unit: report.Percent}, &p)
	if _, ok := got.Lo.Get(); !ok {
		t.Errorf("no interval of the difference: %+v", got)
	}
	if _, ok := got.RatioLo.Get(); ok || got.Ratio.Or(1) != 0 {
		t.Errorf("ratio %v from %v to %v", got.Ratio, got.RatioLo, got.RatioHi)
	}
}

func TestEstimatesOfAllRight(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	c := &comparison{Options: Options{}.withDefaults(), pool: pool, rows: []*row{{numbers: [][]float64{{1, 1}, {1, 0, 0, 2, 0, 0}}}}, metrics: []metric{
		{info: report.MetricInfo{Name: "exact"}, stat: measure.Average}, {info: report.MetricInfo{Name: "f1"}, stat: measure.F1}}}
	if err := c.estimate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, q := range c.rows[0].Model.Quality {
		_, se := q.SE.Get()
		_, interval := q.Lo.Get()
		if exact := q.Name == "exact"; se != exact || interval != exact {
			t.Errorf("%s: %+v", q.Name, q)
		}
	}
}

func TestDiffering(t *testing.T) {
	examples := commands(4)
	score := func(replies ...string) *row {
		texts := replies
		result, err := eval.JSONSlots.Judge(examples, texts)
		if err != nil {
			t.Fatal(err)
		}
		r := &row{scores: result.Items}
		for i, s := range replies {
			r.Replies = append(r.Replies, reply{Text: s, Confidence: float64(i) / 10})
		}
		return r
	}
	gold := make([]string, 4)
	for i := range gold {
		gold[i], _ = examples[i].Reply()
	}
	a, b := score(gold...), score(gold[0], `{"intent": "alarm_set"}`, "nonsense", "rubbish")
	a.Name, b.Name, b.Role = "a", "b", report.Student
	c := &comparison{examples: examples, rows: []*row{a, b}, task: &eval.JSONSlots, Options: Options{Examples: 10}}
	var order []string
	for _, e := range c.differing() {
		order = append(order, e.ID)
	}
	if got := strings.Join(order, ", "); got != "row 3, row 2, row 1" {
		t.Errorf("order %s: want the surest of the worst first", got)
	}
}

func TestSeeds(t *testing.T) {
	c := &comparison{metrics: []metric{{info: report.MetricInfo{Name: "m", Title: "m"}}}}
	for i, v := range []float64{0.5, 0.7, 0.9} {
		r := &row{Contestant: Contestant{Role: report.Student, Variant: "hard", Seed: int64(i)}}
		r.Model.Quality = []report.Metric{{Name: "m", Value: report.N(v)}}
		c.rows = append(c.rows, r)
	}
	table, ok := c.seeds()
	if !ok || len(table.Rows) != 1 {
		t.Fatalf("table %+v", table)
	}
	cell := table.Rows[0][2]
	if math.Abs(cell.Value.Or(0)-0.7) > 1e-12 || math.Abs(cell.SE.Or(0)-0.2) > 1e-12 {
		t.Errorf("cell %+v, want 0.7 ± 0.2", cell)
	}
}

func TestPriceOfRentedTeacher(t *testing.T) {
	r := &row{Contestant: Contestant{Role: report.Teacher}}
	r.Replies = []reply{{Read: 10, Written: 30}, {Read: 30, Written: 10}}
	c := &comparison{Options: Options{Prices: Prices{Input: 2, Output: 5, MachineHour: 1}}, rows: []*row{r}}
	if err := c.time(t.Context()); err != nil { // which times nothing
		t.Fatal(err)
	}
	// 20 tokens in at 2, 20 out at 5, a thousand times, by the million.
	if got := r.Model.Cost.PerThousand.Or(0); math.Abs(got-0.14) > 1e-12 {
		t.Errorf("1,000 requests cost %v, want 0.14", got)
	}
}

// A text is compared by pieces, of which no template makes a prompt, and by tokens of
// the first model, as others may have more of them.
func TestRunOnText(t *testing.T) {
	contestants := models(t, 2)
	for i, c := range contestants {
		m, err := model.Open(c.Ref)
		if err != nil {
			t.Fatal(err)
		}
		template := "{{ messages[-1]['content'] }}" // needs a message
		if i > 0 {
			template = "" // as what is trained on texts has none
		}
		if err := m.SetTemplate(template); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(m.Save(c.Ref+".tmp"), m.Close(), os.Rename(c.Ref+".tmp", c.Ref)); err != nil {
			t.Fatal(err)
		}
	}
	text := []data.Example{{Text: strings.Repeat("the cat sat on the mat. ", 250)}} // 6,000 bytes
	r, err := Run(context.Background(), contestants, text, Options{
		Bootstrap: measure.Bootstrap{Resamples: 200}, Rounds: 1, Prompts: 3, Threads: 1, Open: model.Open, Checkpoints: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	pieces := len(data.CutTexts(text))
	for _, m := range r.Models {
		if q := m.Quality[0]; len(m.Quality) != 1 || q.Name != perplexity || q.N != pieces || !(q.SE.Or(0) > 0) {
			t.Errorf("%s: %+v, want a perplexity over %d pieces", m.Name, m.Quality, pieces)
		}
	}
	if d := r.Models[1].Divergence; d == nil || d.N != pieces || d.Tokens < 50*pieces || d.KL.Or(0) <= 0 {
		t.Errorf("divergence %+v, want one over %d pieces", d, pieces)
	}
	if r.Models[0].Speed.Requests.Median.Or(0) <= 0 {
		t.Errorf("speed %+v", r.Models[0].Speed)
	}
}

func TestPerTokenOfTheFirst(t *testing.T) {
	first, other := []float64{3, 10, 5, 20}, []float64{4, 12, 6, 25}
	if got := perTokenOf(first, other); !slices.Equal(got, []float64{4, 10, 6, 20}) || other[1] != 12 {
		t.Errorf("got %v", got)
	}
	if got := perTokenOf(nil, other); !slices.Equal(got, other) {
		t.Errorf("beside a model without losses: %v", got)
	}
}

// Pieces of a text that are as long as the contexts are compared by models that expect a
// BOS too, which takes a place of its own; where nothing fits, nothing is claimed.
func TestDivergenceOfTextWithBOS(t *testing.T) {
	random := testkit.Model(1)
	spec := random.Tokenizer.Spec()
	spec.BOS, spec.AddBOS = slices.Index(spec.Tokens, "<|im_start|>"), true
	text := []data.Example{{Text: strings.Repeat("the cat sat on the mat. ", 250)}}
	pieces := len(data.CutTexts(text))
	for context, want := range map[int]int{testkit.Context: pieces, 2: 0} {
		config := random.Config()
		config.Context = context
		open := func(ref string) (*model.Model, error) {
			return model.New(config, testkit.Random{Rand: rand.New(rand.NewPCG(uint64(len(ref)), 2))}, spec, "")
		}
		c := &comparison{Options: Options{Open: open}.withDefaults(), examples: text, pool: par.New(1)}
		c.rows = []*row{{Contestant: Contestant{Name: "large", Ref: "l", Role: report.Teacher}}, {Contestant: Contestant{Name: "small", Ref: "sm", Role: report.Student}}}
		err := c.divergeFrom(t.Context(), c.rows[0], c.rows[1:])
		c.pool.Close()
		if err != nil {
			t.Fatal(err)
		}
		d := c.rows[1].Model.Divergence
		if want > 0 && (d == nil || d.N != want || d.Tokens < want*(context-2)/2) {
			t.Errorf("context %d: divergence %+v, want one over %d pieces", context, d, want)
		}
		if want == 0 && (d != nil || len(c.Notes) != 1 || !strings.HasPrefix(c.Notes[0].Text, "Not measured for small: ")) {
			t.Errorf("context %d: divergence %+v, notes %+v, want none and why", context, d, c.Notes)
		}
	}
}

// Of how many rows logits exist at once changes nothing but memory, and several students
// are compared as each is alone.
func TestDivergenceByPieces(t *testing.T) {
	teacher := testkit.Model(1)
	pool := par.New(2)
	defer pool.Close()
	c := &comparison{pool: pool}
	group := func(seeds ...uint64) *group {
		g := &group{}
		for _, seed := range seeds {
			s := &student{model: testkit.Model(seed)}
			theirs, own, err := s.passages(teacher, commands(5))
			if err != nil {
				t.Fatal(err)
			}
			g.theirs, g.readers = theirs, append(g.readers, &reader{student: s, own: own})
		}
		return g
	}
	var want [][]measure.Divergence
	for _, seed := range []uint64{2, 3} {
		g := group(seed)
		tape := op.NewTape(pool)
		p := teacher.Head(tape, teacher.Forward(tape, g.theirs.Batch), nil)
		m := g.readers[0].student.model
		q := m.Head(tape, m.Forward(tape, g.readers[0].own.Batch), nil)
		var all []measure.Divergence
		for i := range p.Rows {
			all = append(all, measure.Diverge(p.Row(i), q.Row(i), nil))
		}
		want = append(want, all)
	}
	if rows := len(want[0]); rows < 20 || slices.Equal(want[0], want[1]) {
		t.Fatalf("%d rows, the same for both students: %v", rows, slices.Equal(want[0], want[1]))
	}
	for _, atOnce := range []int{1, 7, 1000} {
		g := group(2, 3)
		c.divergeGroup(op.NewTape(pool), teacher, g, atOnce)
		for i, r := range g.readers {
			if !slices.Equal(r.found, want[i]) {
				t.Errorf("%d rows at once: student %d differs", atOnce, i)
			}
		}
	}
}

// A training on texts has no share of exact replies, which would be drawn as none.
func TestCurveOfText(t *testing.T) {
	points := []train.Point{{Step: 1, Loss: 3, Validation: 2}}
	for lossAlone, metric := range map[bool]string{false: "exact_match", true: ""} {
		c := Curve("a", nil, points, lossAlone)
		_, has := c.Points[0].Metric.Get()
		if c.Metric != metric || has == lossAlone || c.Points[0].Validation.Or(0) != 2 {
			t.Errorf("loss alone %t: %+v", lossAlone, c)
		}
	}
}

// The course of a training and its validations are one curve, by step.
func TestCurveOfCourse(t *testing.T) {
	course := []train.Point{{Step: 2, Loss: 4}, {Step: 4, Loss: 3}}
	c := Curve("a", course, []train.Point{{Step: 2, Loss: 4}, {Step: 3, Loss: 3.5, Validation: 2}, {Step: 4, Loss: 3, Validation: 1}}, true)
	want := []report.CurvePoint{
		{Step: 2, Train: report.N(4)},
		{Step: 3, Validation: report.N(2)},
		{Step: 4, Train: report.N(3)},
		{Step: 4, Validation: report.N(1)},
	}
	if !slices.Equal(c.Points, want) {
		t.Errorf("got %+v, want %+v", c.Points, want)
	}
}

// A model whose losses are no numbers is compared, with a folder for what is kept as
// without one: its perplexity is absent.
func TestLossesThatAreNoNumbers(t *testing.T) {
	contestants := models(t, 2)
	m := testkit.Model(2)
	for _, w := range m.Weights() {
		for i, v := range w.F32() {
			w.F32()[i] = v * 1e18
		}
	}
	if err := m.Save(contestants[1].Ref); err != nil {
		t.Fatal(err)
	}
	o := Options{Metrics: []string{perplexity}, Bootstrap: measure.Bootstrap{Resamples: 100}, Threads: 1, Open: model.Open}
	text := []data.Example{{Text: strings.Repeat("the cat sat on the mat. ", 99)}, {Text: "the end"}}
	want, err := Run(t.Context(), contestants, text, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Checkpoints = t.TempDir()
	got, err := Run(t.Context(), contestants, text, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, has := want.Models[1].Quality[0].Value.Get(); has || untimed(t, got) != untimed(t, want) {
		t.Errorf("a perplexity of %+v; got %s\nwant %s", want.Models[1].Quality[0], untimed(t, got), untimed(t, want))
	}
}
