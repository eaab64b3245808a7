package measure

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"
)

const (
	// exactTol allows for the order of double-precision sums only.
	exactTol = 1e-12
	// drawTol is in standard errors of the figure. The 2.5 % quantile of 10,000
	// resamples itself varies by √(0.025·0.975/10,000)/0.058 = 0.027 of them, the
	// density of the normal there being 0.058; twelve intervals are checked, so
	// four times that, and a little for figures that take few values.
	drawTol = 0.15
)

// usual has the usual settings.
var usual Bootstrap

type bounds struct{ Lo, Hi, SE float64 }

type scoresGolden struct {
	A, B                      []float64
	Single, Difference, Ratio bounds
}

type golden struct {
	McNemar []struct {
		B, C int
		P    float64
	}
	Holm []struct{ P, Adjusted []float64 }
	Mean struct {
		X        []float64
		Mean, SE float64
	}
	Quantile struct{ X, P, Q []float64 }
	KL       []struct {
		Teacher, Student []float32
		Kept             []int32
		KL, Dropped      float64
		KLKept           float64 `json:"kl_kept"`
	}
	Accuracy, F1 scoresGolden
}

// loadGolden reads what testdata/golden.py computed with scipy and statsmodels.
func loadGolden(t *testing.T) (g golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestAgainstScipy(t *testing.T) {
	g := loadGolden(t)
	for _, c := range g.McNemar {
		near(t, "McNemar", mcNemarP(c.B, c.C), c.P, 1e-10) // lgamma of thousands loses digits
	}
	for _, c := range g.Holm {
		for i, p := range holm(c.P) {
			near(t, "Holm", p, c.Adjusted[i], exactTol)
		}
	}
	mean := Mean(g.Mean.X)
	near(t, "mean", mean.Value, g.Mean.Mean, exactTol)
	near(t, "standard error", mean.SE, g.Mean.SE, exactTol)
	near(t, "upper bound", mean.Hi, g.Mean.Mean+1.959963984540054*g.Mean.SE, exactTol)
	for i, p := range g.Quantile.P {
		near(t, "quantile", quantile(g.Quantile.X, p), g.Quantile.Q[i], exactTol)
	}
}

func TestBootstrapAgainstScipy(t *testing.T) {
	g := loadGolden(t)
	check := func(what string, got Estimate, want bounds) {
		t.Helper()
		near(t, what+" lo", got.Lo, want.Lo, drawTol*want.SE)
		near(t, what+" hi", got.Hi, want.Hi, drawTol*want.SE)
		near(t, what+" se", got.SE, want.SE, 0.05*want.SE)
	}
	for _, c := range []struct {
		name   string
		s      Statistic
		scores scoresGolden
	}{{"accuracy", Average, g.Accuracy}, {"F1", F1, g.F1}} {
		p := usual.Compare(c.s, c.scores.A, c.scores.B)
		check(c.name, c.s.Estimate(c.scores.A), c.scores.Single)
		check(c.name+" difference", p.Difference, c.scores.Difference)
		check(c.name+" ratio", *p.Ratio, c.scores.Ratio)
		if (p.McNemar != nil) != (c.name == "accuracy") {
			t.Errorf("%s: McNemar's test %v", c.name, p.McNemar)
		}
	}
}

func TestMcNemarByHand(t *testing.T) {
	// b = 1, c = 5: 2·(1 + 6)/2⁶ = 0.21875.
	near(t, "p", mcNemarP(1, 5), 0.21875, exactTol)
	p := usual.Compare(Average, []float64{1, 1, 0, 0, 1}, []float64{1, 0, 1, 1, 1})
	if m := p.McNemar; m.OnlyA != 1 || m.OnlyB != 2 || m.P != 1 {
		t.Errorf("got %+v", *m)
	}
}

func TestStatisticsByHand(t *testing.T) {
	near(t, "F1", F1.Of([]float64{2, 1, 3}, 9), 0.5, exactTol)
	near(t, "F1 of nothing", F1.Of([]float64{0, 0, 0}, 9), 1, exactTol)
	near(t, "F1 of misses", F1.Of([]float64{0, 1, 1}, 9), 0, exactTol)
	near(t, "share", Share.Of([]float64{1, 4}, 9), 0.25, exactTol)
	near(t, "share of nothing", Share.Of([]float64{0, 0}, 9), 0, exactTol)
	near(t, "average", Average.Of([]float64{3}, 4), 0.75, exactTol)
	e := Mean([]float64{1, 2, 3, 4}) // s² = 5/3, s/√4 = 0.6455
	near(t, "mean", e.Value, 2.5, exactTol)
	near(t, "standard error", e.SE, math.Sqrt(5.0/3)/2, exactTol)
	if e := Mean(nil); e != (Estimate{}) {
		t.Errorf("mean of nothing: %+v", e)
	}
	if e := Mean([]float64{3}); e != (Estimate{3, 0, 3, 3, 1}) {
		t.Errorf("mean of one: %+v", e)
	}
}

// Scores that are all alike leave room for others: as scipy.stats.binomtest(0,
// 150).proportion_ci(0.95, "exact") has it.
func TestIntervalOfAllAlike(t *testing.T) {
	const none, all = 0.02429259716612193, 0.975707402833878
	rows := make([]float64, 150)
	e := usual.Estimate(Average, rows)
	near(t, "none: lower", e.Lo, 0, exactTol)
	near(t, "none: upper", e.Hi, none, 1e-12)
	for i := range rows {
		rows[i] = 1
	}
	e = usual.Estimate(Average, rows)
	near(t, "all: lower", e.Lo, all, 1e-12)
	near(t, "all: upper", e.Hi, 1, exactTol)
}

// Where the bootstrap has nothing to vary and no exact interval applies, nothing is
// claimed: a point is no interval, and no certainty.
func TestKnown(t *testing.T) {
	tenths := []float64{1, 10, 1, 10, 1, 10} // 0.1 of each
	for _, c := range []struct {
		what         string
		e            Estimate
		se, interval bool
	}{
		{"F1 of items all right", F1.Estimate([]float64{1, 0, 0, 2, 0, 0, 1, 0, 0}), false, false},
		{"F1 of items that differ", F1.Estimate([]float64{1, 0, 0, 2, 1, 0, 1, 0, 0}), true, true},
		{"a share of none", Share.Estimate([]float64{0, 3, 0, 1}), false, false},
		{"a share that is the same of each", Share.Estimate(tenths), false, false},
		{"numbers all alike", Average.Estimate([]float64{0.9, 0.9, 0.9}), false, false},
		{"a mean of numbers all alike", Mean([]float64{3, 3}), false, false},
		{"scores of 0 and 1, all right", Average.Estimate([]float64{1, 1, 1}), true, true},
		{"one score of 0 and 1", Average.Estimate([]float64{1}), false, true},
	} {
		k := c.e.Known()
		if (k.SE != nil) != c.se || (k.Lo != nil) != c.interval || (k.Hi != nil) != c.interval {
			t.Errorf("%s: %+v is known as %+v", c.what, c.e, k)
		}
	}
	text, err := json.Marshal(F1.Estimate([]float64{1, 0, 0, 2, 0, 0}))
	if want := `{"value":1,"se":null,"lo":null,"hi":null,"n":2}`; err != nil || string(text) != want {
		t.Errorf("JSON %s (%v), want %s", text, err, want)
	}
}

// Where no item speaks for a model, its bound is that of the score interval: by hand
// z²/(n + z²) if there is none at all; else where a test of the constrained
// likelihood, whose maximum is searched for here, turns.
func TestScoreBounds(t *testing.T) {
	const z = 1.959963984540054
	lo, hi := scoreBounds(0, 0, 50)
	near(t, "no item: lower", lo, -z*z/(50+z*z), exactTol)
	near(t, "no item: upper", hi, z*z/(50+z*z), exactTol)
	for _, c := range []struct{ a, b, n int }{{0, 1, 20}, {0, 10, 20}, {3, 0, 9}, {2, 5, 40}, {1, 0, 1}} {
		lo, hi := scoreBounds(c.a, c.b, c.n)
		mean := float64(c.b-c.a) / float64(c.n)
		if !(-1 <= lo && lo <= mean && mean <= hi && hi <= 1) || lo == hi || math.Abs(mean) < 1 && (lo == -1 || hi == 1) {
			t.Errorf("%+v: %v to %v around %v", c, lo, hi, mean)
		}
		for _, d := range []float64{lo, hi} {
			p := likeliest(c.a, c.b, c.n, d)
			if math.Abs(d) < 1 { // a mean of −1 or 1 is its own bound
				near(t, "errors from the mean", math.Abs(mean-d)/math.Sqrt((2*p+d-d*d)/float64(c.n)), z, 1e-4)
			}
		}
	}
	p := usual.Compare(Average, []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
	if d, r := p.Difference, p.Ratio; d.Lo >= 0 || d.Hi < d.Value || r == nil || r.Lo >= 1 {
		t.Errorf("one item for B: difference %+v, ratio %+v", d, r)
	}
}

// likeliest returns the share of items that only A gets right, of which a of n were
// seen and b of the other kind, if that is d more.
func likeliest(a, b, n int, d float64) float64 {
	best, at := math.Inf(-1), 0.0
	const steps = 1_000_000
	for i := range steps {
		p := max(0, -d) + (min(1, (1-d)/2)-max(0, -d))*(float64(i)+0.5)/steps
		if l := float64(a)*math.Log(p) + float64(b)*math.Log(p+d) + float64(n-a-b)*math.Log(1-2*p-d); l > best || a+b == 0 && i == 0 {
			best, at = l, p
		}
	}
	return at
}

// TestCompareProperties checks what must hold whatever the scores are.
func TestCompareProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		n := 20 + rng.IntN(60)
		a, b := make([]float64, n), make([]float64, n)
		for i := range a {
			a[i], b[i] = float64(rng.IntN(2)), float64(rng.IntN(2))
		}
		p, back := usual.Compare(Average, a, b), usual.Compare(Average, b, a)
		if !reflect.DeepEqual(p, usual.Compare(Average, a, b)) {
			t.Error("equal scores, different comparisons")
		}
		near(t, "difference", p.Difference.Value, usual.Estimate(Average, b).Value-usual.Estimate(Average, a).Value, exactTol)
		near(t, "antisymmetry", p.Difference.Lo, -back.Difference.Hi, exactTol)
		if p.McNemar.P != back.McNemar.P || p.McNemar.P < 0 || p.McNemar.P > 1 {
			t.Errorf("p-values %v and %v", p.McNemar.P, back.McNemar.P)
		}
		for _, e := range []Estimate{p.Difference, *p.Ratio} {
			if !(e.Lo <= e.Value && e.Value <= e.Hi && e.SE >= 0) {
				t.Errorf("estimate out of its bounds: %+v", e)
			}
		}
		// Equal items: pairing takes all variance away, but not all doubt.
		if d := usual.Compare(Average, a, a).Difference; d.Value != 0 || d.SE != 0 || d.Lo >= 0 || math.Abs(d.Hi+d.Lo) > exactTol {
			t.Errorf("a model against itself: %+v", d)
		}
	}
}

// TestCoverage checks that an interval holds the truth about as often as it says.
func TestCoverage(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many data sets")
	}
	const sets, n, truth = 200, 200, 0.7
	rng := rand.New(rand.NewPCG(3, 4))
	held := 0
	for range sets {
		x := make([]float64, n)
		for i := range x {
			if rng.Float64() < truth {
				x[i] = 1
			}
		}
		if e := Average.Estimate(x); e.Lo <= truth && truth <= e.Hi {
			held++
		}
	}
	// Binomial: 190 ± 3.1; the percentile interval of 200 items covers a little less.
	if held < 176 || held > 199 {
		t.Errorf("%d of %d intervals hold the truth, want about 190", held, sets)
	}
}

func TestHolmProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		p := make([]float64, 1+rng.IntN(6))
		for i := range p {
			p[i] = rng.Float64() * rng.Float64()
		}
		adjusted := holm(p)
		for i := range p {
			if adjusted[i] < p[i] || adjusted[i] > 1 || adjusted[i] > min(1, p[i]*float64(len(p)))+exactTol {
				t.Errorf("%v: adjusted %v", p, adjusted)
			}
			for j := range p {
				if p[i] < p[j] && adjusted[i] > adjusted[j] {
					t.Errorf("%v: order changed: %v", p, adjusted)
				}
			}
		}
	}
	pairs := []Paired{{McNemar: &McNemar{P: 0.01}}, {}, {McNemar: &McNemar{P: 0.04}}}
	AdjustHolm(pairs)
	if pairs[0].McNemar.Holm != 0.02 || pairs[2].McNemar.Holm != 0.04 {
		t.Errorf("adjusted %v and %v", pairs[0].McNemar.Holm, pairs[2].McNemar.Holm)
	}
}

func TestUndefined(t *testing.T) {
	p := usual.Compare(Average, []float64{0, 0, 0, 1}, []float64{1, 0, 1, 0})
	if p.Ratio != nil {
		t.Errorf("ratio over a figure that can be 0: %+v", *p.Ratio)
	}
	if d := p.Difference; !finite([]float64{d.Value, d.SE, d.Lo, d.Hi}) {
		t.Errorf("difference %+v, want finite numbers", d)
	}
	if p := usual.Compare(F1, nil, nil); p.Difference.N != 0 {
		t.Errorf("no items: %+v", p)
	}
}

// A share of nothing is no figure.
func TestDefined(t *testing.T) {
	for _, c := range []struct {
		s    Statistic
		rows []float64
		want bool
	}{
		{Share, []float64{0, 0, 0, 0}, false}, {Share, []float64{0, 0, 0, 1}, true}, {Share, nil, false},
		{F1, []float64{0, 0, 0}, true}, {Average, []float64{0}, true}, {Average, nil, false},
	} {
		if got := c.s.Defined(c.rows); got != c.want {
			t.Errorf("width %d, %v: defined %v, want %v", c.s.Width, c.rows, got, c.want)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	const items = 1076 // the home-assistant test data
	rng := rand.New(rand.NewPCG(1, 1))
	x, y := make([]float64, 3*items), make([]float64, 3*items)
	for i := range x {
		x[i], y[i] = float64(rng.IntN(3)), float64(rng.IntN(3))
	}
	for b.Loop() {
		usual.Compare(F1, x, y)
	}
}
