package report

import (
	"strings"
	"testing"
)

func TestConclude(t *testing.T) {
	em := MetricInfo{Name: "exact_match", Unit: Percent}
	ppl := MetricInfo{Name: "perplexity", LowerIsBetter: true}
	for _, c := range []struct {
		name string
		p    Pair
		m    MetricInfo
		want string
	}{
		{"holds zero", Pair{Diff: N(-0.01), Lo: N(-0.0251), Hi: N(0.004)}, em, "not significant; a loss above 2.6 points is excluded"},
		{"on the digit", Pair{Diff: N(-0.01), Lo: N(-0.026), Hi: N(0)}, em, "not significant; a loss above 2.6 points is excluded"},
		{"worse", Pair{Diff: N(-0.02), Lo: N(-0.03), Hi: N(-0.01), RatioLo: N(0.97499)}, em, "worse by 2.0 points; keeps ≥ 97 % (lower bound 97.4 %)"},
		{"worse, no ratio", Pair{Diff: N(-0.02), Lo: N(-0.03), Hi: N(-0.01)}, em, "worse by 2.0 points"},
		{"better", Pair{Diff: N(0.02), Lo: N(0.01), Hi: N(0.03)}, em, "better by 2.0 points"},
		{"test disagrees", Pair{Diff: N(-0.02), Lo: N(-0.039), Hi: N(-0.001), PHolm: N(0.08)}, em, "not significant by the exact test (Holm); a loss above 3.9 points is excluded"},
		{"test disagrees on a gain", Pair{Diff: N(0.02), Lo: N(0.001), Hi: N(0.039), PHolm: N(0.08)}, em, "not significant by the exact test (Holm), though the interval excludes a loss"},
		{"less is better, gain", Pair{Diff: N(-2), Lo: N(-3), Hi: N(-1)}, ppl, "better by 2.00"},
		{"less is better, loss", Pair{Diff: N(2), Lo: N(1), Hi: N(3), RatioLo: N(1.1)}, ppl, "worse by 2.00"},
		{"less is better, open", Pair{Diff: N(0.5), Lo: N(-1), Hi: N(2.001)}, ppl, "not significant; a loss above 2.01 is excluded"},
		{"whole scale", Pair{Diff: N(0), Lo: N(-1), Hi: N(1)}, em, "not significant"},
		{"whole scale, rounded", Pair{Diff: N(-0.5), Lo: N(-0.99951), Hi: N(0.1)}, em, "not significant"},
		{"nearly the whole scale", Pair{Diff: N(-0.5), Lo: N(-0.999), Hi: N(0.1)}, em, "not significant; a loss above 99.9 points is excluded"},
		{"whole scale, test disagrees", Pair{Diff: N(-0.8), Lo: N(-1), Hi: N(-0.018), PHolm: N(0.25)}, em, "not significant by the exact test (Holm)"},
		{"no scale", Pair{Diff: N(0.5), Lo: N(-1), Hi: N(120)}, ppl, "not significant; a loss above 120 is excluded"},
		{"no interval", Pair{Diff: N(-0.5)}, em, "no interval: nothing is claimed"},
	} {
		if got := Conclude(c.p, c.m); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Bounds are rounded outward, and by the same rule in words and in the page.
func TestRatioRange(t *testing.T) {
	p := Pair{Diff: N(-0.05), Lo: N(-0.08), Hi: N(-0.03), RatioLo: N(0.890983), RatioHi: N(0.953501)}
	if got, want := p.ratioRange(), "89.0 to 95.4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := Conclude(p, MetricInfo{Unit: Percent}); !strings.Contains(got, "(lower bound 89.0 %)") {
		t.Errorf("words say %q", got)
	}
	p.RatioLo, p.RatioHi = N(0.891), N(0.953) // on the digit
	if got, want := p.ratioRange(), "89.1 to 95.3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if p.RatioLo = (Num{}); p.ratioRange() != "" {
		t.Errorf("an interval without a bound: %s", p.ratioRange())
	}
}

// A bound stands alike in the interval and in words.
func TestShownBounds(t *testing.T) {
	em, ppl := MetricInfo{Unit: Percent}, MetricInfo{LowerIsBetter: true}
	for _, c := range []struct {
		lo, hi float64
		m      MetricInfo
		want   string
	}{
		{-0.56148, 0.56148, em, "−56.2 to +56.2"},
		{-0.0321, -0.0109, em, "−3.3 to −1.0"},
		{0.0109, 0.0321, em, "+1.0 to +3.3"},
		{-0.026, 0, em, "−2.6 to 0.0"},
		{-1, 1, em, "−100.0 to +100.0"},
		{-1.001, 2.001, ppl, "−1.01 to +2.01"},
	} {
		p := Pair{Diff: N((c.lo + c.hi) / 2), Lo: N(c.lo), Hi: N(c.hi)}
		lo, hi, ok := p.shownBounds(c.m)
		if got := lo + " to " + hi; !ok || got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.lo, c.hi, got, c.want)
		}
	}
	p := Pair{Diff: N(0), Lo: N(-0.56148), Hi: N(0.56148)}
	if words := Conclude(p, em); !strings.HasSuffix(words, "a loss above 56.2 points is excluded") {
		t.Errorf("words say %q", words)
	}
}

func TestLeadClaimsTheLowerBound(t *testing.T) {
	r := sample()
	lead := r.lead()
	for i := range lead {
		lead[i] = strings.ReplaceAll(lead[i], "\u00a0", " ")
	}
	if len(lead) != 2 {
		t.Fatalf("lead %q, want two sentences", lead)
	}
	const want = "student, q4_0 keeps at least 94 % of the exact match of home-assistant teacher (measured 69.3 against 71.7 %, 95 % confidence), at 24 % of its size and with 4.1 × its requests per second."
	if lead[0] != want {
		t.Errorf("got  %s\nwant %s", lead[0], want)
	}
	r.Pairs = nil
	const bare = "student, q4_0 has exact match 69.3 against 71.7 % of home-assistant teacher, at 24 % of its size and with 4.1 × its requests per second."
	if lead = r.lead(); len(lead) != 1 || strings.ReplaceAll(lead[0], "\u00a0", " ") != bare {
		t.Errorf("without intervals: got %q, want %q", lead, bare)
	}
}

// Where a teacher in floats flatters a student that is rounded, each figure of size and
// speed says so, on the page and on a terminal.
func TestFlattery(t *testing.T) {
	r := sample()
	teacher, _ := r.sides()
	for _, formats := range [][]string{{"q8_0", "f32"}, {"f32"}} {
		teacher.Formats = formats
		want := len(formats) == 1
		const said = "flattered: q4_0 and q8_0 against f32"
		if lead := r.lead(); strings.HasSuffix(strings.ReplaceAll(lead[0], "\u00a0", " "), " its requests per second ("+said+").") != want {
			t.Errorf("a teacher in %s: lead %q", formats, lead[0])
		}
		for _, c := range r.cards()[1:] { // after the one of quality
			if strings.HasSuffix(c.Detail, "; "+said) != want {
				t.Errorf("a teacher in %s: %+v", formats, c)
			}
		}
		below := strings.Join(strings.Fields(text(t, r, TextOptions{})), " ")
		if strings.Contains(below, "Size, speed and memory flatter student, q8_0 (q8_0 against f32), student, q4_0 (q4_0 and q8_0 against f32).") != want {
			t.Errorf("a teacher in %s: the terminal shows %s", formats, below)
		}
	}
}

// Of baselines, only the one that is no language model says whether one is needed.
func TestLeadOfBaselines(t *testing.T) {
	const said = "The classical baseline has 65.2 %: the student is better by 4.1 points."
	r := sample()
	last := &r.Models[len(r.Models)-1] // the classical one, of which the pairs tell
	other := *last
	for i := range r.Pairs {
		if p := r.Pairs[i]; p.A == Classical {
			p.A, p.Diff, p.Lo, p.Hi = "round-to-nearest", N(-0.05), N(-0.07), N(-0.03)
			r.Pairs = append(r.Pairs, p)
		}
	}
	other.Name = "round-to-nearest"
	r.Models = append(r.Models[:len(r.Models)-1], other, *last)
	if lead := r.lead(); len(lead) != 2 || strings.ReplaceAll(lead[1], "\u00a0", " ") != said {
		t.Errorf("after another baseline: got %q, want %q", lead, said)
	}
	r.Models = r.Models[:len(r.Models)-1]
	if lead := r.lead(); len(lead) != 1 {
		t.Errorf("of %s alone: got %q, want nothing on baselines", other.Name, lead)
	}
}

// Where the student loses against the classical baseline, what its teacher has
// decides what to say of language models.
func TestLeadOfWorseStudent(t *testing.T) {
	r := sample()
	for i := range r.Pairs {
		if p := &r.Pairs[i]; p.A == Classical {
			p.Diff, p.Lo, p.Hi = N(-0.05), N(-0.07), N(-0.03)
		}
	}
	teacher, _ := r.sides()
	for value, want := range map[float64]string{
		0.9: "The classical baseline has 65.2 %: the student is worse by 5.0 points and not worth its place; the teacher has 90.0 %.",
		0.6: "The classical baseline has 65.2 %: the student is worse by 5.0 points, and no language model is needed here.",
	} {
		for i := range teacher.Quality {
			if teacher.Quality[i].Name == r.primary() {
				teacher.Quality[i].Value = N(value)
			}
		}
		if lead := r.lead(); len(lead) != 2 || strings.ReplaceAll(lead[1], "\u00a0", " ") != want {
			t.Errorf("got %q, want %q", lead, want)
		}
	}
}

func TestDiffReply(t *testing.T) {
	const gold = `{"intent": "x", "time": "Six  am", "item": ["a", "b", "b"]}`
	for _, c := range []struct{ gold, reply, want string }{
		{gold, gold, `{"intent": "x", "time": "Six  am", "item": ["a", "b", "b"]}`},
		{gold, `{"time":"six am","item":["b","a","b"],"intent":"x"}`, `{"time": "six am", "item": ["b", "a", "b"], "intent": "x"}`},
		{gold, `{"intent": "y", "item": ["a", "b", "c"]}`,
			`{wrong<"intent": "y">, "item": ["a", "b", wrong<"c">], missing<"intent": "x">, missing<"time": "Six  am">, missing<"item": "b">}`},
		{gold, `{"intent": "x"} and more`, `wrong<{"intent": "x"} and more>`},
		{gold, `[1]`, `wrong<[1]>`},
		{gold, ``, `wrong<(empty)>`},
		{`{"a": "caf\u00e9"}`, `{"a": "café"}`, `{"a": "café"}`},
		{"label_a", "label_b", "wrong<label_b>"},
		{"label_a", "label_a ", "label_a "},
		{"Not Spam", "not  spam", "not  spam"},
		{"", "anything", "anything"},
		{`{}`, `{}`, `{}`},
	} {
		got := ""
		for _, s := range diffReply(c.gold, c.reply) {
			if s.Kind != "" {
				got += s.Kind + "<" + s.Text + ">"
			} else {
				got += s.Text
			}
		}
		if got != c.want {
			t.Errorf("%s against %s:\ngot  %s\nwant %s", c.reply, c.gold, got, c.want)
		}
	}
}

func TestFront(t *testing.T) {
	dots := []dot{{x: 1, y: 1}, {x: 2, y: 3}, {x: 3, y: 2}, {x: 4, y: 4}}
	unit := scale{lo: 0, hi: 10}
	if got := frontLine(dots, unit, unit, true, false); len(got) != 3 || got[1].x != 0.2 || got[2].y != 0.4 {
		t.Errorf("small and good: %v", got)
	}
	if got := frontLine(dots, unit, unit, false, false); len(got) != 1 || got[0].x != 0.4 {
		t.Errorf("fast and good: %v", got)
	}
	if got := frontLine(dots, unit, unit, true, true); len(got) != 1 || got[0].x != 0.1 {
		t.Errorf("small and less: %v", got)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		s    scale
		n    int
		want []float64
	}{
		{scale{lo: 0, hi: 1}, 4, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}},
		{scale{lo: -4.2, hi: 7}, 5, []float64{-4, -2, 0, 2, 4, 6}},
		{scale{lo: 0, hi: 3, log: true}, 4, []float64{1, 10, 100, 1000}},
		{scale{lo: 0.3, hi: 1.1, log: true}, 4, []float64{2, 5, 10}},
	} {
		got := c.s.ticks(c.n)
		if len(got) != len(c.want) {
			t.Errorf("%+v: %v, want %v", c.s, got, c.want)
			continue
		}
		for i := range got {
			if d := got[i] - c.want[i]; d > 1e-9 || d < -1e-9 {
				t.Errorf("%+v: %v, want %v", c.s, got, c.want)
			}
		}
	}
}
