package baseline

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"limbeck/data"
	"limbeck/internal/testfiles"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "",
		" wake me  up":        "wake|me|up",
		"it's 5pm, isn’t it?": "it's|5pm|,|isn’t|it|?",
		"cafe\u0301 (été)":    "cafe\u0301|(|été|)",
		"a-b":                 "a|-|b",
		"日本 3.5":              "日|本|3|.|5",
		"明天6點叫我":              "明|天|6|點|叫|我",
		"iPhoneのコーヒー":         "iPhone|の|コ|ー|ヒ|ー",
		"タイマー10分":             "タ|イ|マ|ー|10|分",
		"ປິດໄຟ":               "ປິ|ດ|ໄ|ຟ",
		"បើកភ្លើង":            "បើ|ក|ភ្|លើ|ង",
		"မီးဖွင့်":            "မီး|ဖွ|င့်",
		"ตั้ง ๑๐ นาที":        "ตั้|ง|๑๐|น|า|ที",
		"여섯시에 깨워":             "여섯시에|깨워",
	} {
		var got []string
		for _, w := range split(text) {
			got = append(got, text[w.lo:w.hi])
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: got %q, want %s", text, got, want)
		}
	}
	if got := shape("McDonald42-x"); got != "XxXx9-x" {
		t.Errorf("shape %q", got)
	}
	if suffix("né", 1) != "é" || suffix("né", 5) != "né" {
		t.Error("suffix cuts characters")
	}
}

func TestGrams(t *testing.T) {
	collect := func(f func(string, func(string)), text string) string {
		var all []string
		f(text, func(g string) { all = append(all, g) })
		return strings.Join(all, "|")
	}
	// As CountVectorizer(analyzer="char_wb", ngram_range=(2, 5)) lists them.
	if got, want := collect(eachCharGram, "é abc"), " é|é | é | a|ab|bc|c | ab|abc|bc | abc|abc | abc "; got != want {
		t.Errorf("characters: got %s, want %s", got, want)
	}
	if got, want := collect(eachWordGram, "turn it off"), "turn|turn it |it|it off |off"; got != want {
		t.Errorf("words: got %s, want %s", got, want)
	}
}

func TestTFIDF(t *testing.T) {
	m, rows := fitTFIDF([]string{"A b a", "b"})
	// idf of a: 1 + ln(3/2); of b: 1 + ln(3/3). tf of a: 1 + ln 2.
	a, b := (1+math.Ln2)*(1+math.Log(1.5)), 1.0
	ab := 1 + math.Log(1.5) // the pairs "a b" and "b a"
	length := math.Sqrt(a*a + b*b + 2*ab*ab)
	got := rows[0].value[m.words.index["a"]]
	const tol = 1e-6 // f32
	if math.Abs(float64(got)-a/length) > tol {
		t.Errorf("weight of a: got %v, want %v", got, a/length)
	}
	var squares float64
	for _, v := range rows[0].value {
		squares += float64(v) * float64(v)
	}
	if math.Abs(squares-2) > tol { // words and characters, of length 1 each
		t.Errorf("squared length %v, want 2", squares)
	}
	if !reflect.DeepEqual(m.vector(" a  B a"), rows[0]) || len(m.vector("zz").index) != 0 {
		t.Error("a text's vector depends on more than its normalized text")
	}
}

// TestSVMOptimum checks the conditions of the optimum: the gradient of
// ½‖w‖² + C·Σ max(0, 1 − y·wᵀx)² is w − 2C·Σ y·x·max(0, 1 − y·wᵀx) = 0.
func TestSVMOptimum(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const rows, features, c = 60, 8, 0.3
	const tol, most = 1e-6, 1e-3 // of the dual's gradient and, of its sums, the primal's
	x := make([]vector, rows)
	y := make([]float64, rows)
	for i := range x {
		for f := range int32(features) {
			x[i].index = append(x[i].index, f)
			x[i].value = append(x[i].value, float32(rng.NormFloat64()))
		}
		y[i] = float64(1 - 2*(i%2))
	}
	s := newSVM(x, features, c)
	s.tol = tol
	copy(s.y, y)
	s.train(t.Context())
	gradient := slices.Clone(s.w)
	for i, v := range x {
		score := s.w[features]
		for j, f := range v.index {
			score += s.w[f] * float64(v.value[j])
		}
		slack := 2 * c * y[i] * max(0, 1-y[i]*score)
		gradient[features] -= slack
		for j, f := range v.index {
			gradient[f] -= slack * float64(v.value[j])
		}
	}
	for f, g := range gradient {
		if math.Abs(g) > most {
			t.Errorf("gradient %d: %v, want at most %v", f, g, most)
		}
	}
}

func TestAlign(t *testing.T) {
	names := []string{"date", "time"}
	for _, c := range []struct {
		text  string
		slots []data.Slot
		want  []int16
	}{
		{"six am on friday", []data.Slot{{Name: "time", Value: "six am"}, {Name: "date", Value: "friday"}}, []int16{3, 4, 0, 1}},
		{"six or six", []data.Slot{{Name: "time", Value: "six"}, {Name: "time", Value: "six"}}, []int16{3, 0, 3}},
		{"friday at six", []data.Slot{{Name: "time", Value: "SIX"}, {Name: "date", Value: "Friday"}}, []int16{1, 0, 3}},
		{"sixty", []data.Slot{{Name: "time", Value: "six"}}, []int16{0}},
		{"six pm", []data.Slot{{Name: "time", Value: "six pm"}, {Name: "time", Value: "six"}}, []int16{3, 4}},
		{"six", []data.Slot{{Name: "other", Value: "six"}}, []int16{0}},
		{"明天六點叫我", []data.Slot{{Name: "time", Value: "六點"}}, []int16{0, 0, 3, 4, 0, 0}},
	} {
		if got := align(c.text, split(c.text), c.slots, names); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.text, got, c.want)
		}
	}
}

// enumerate calls f with every sequence of labels that is allowed and its score.
func enumerate(c *crf, features [][]int32, f func(labels []int16, score float64)) {
	labels := make([]int16, len(features))
	own := make([]float64, c.labels)
	var walk func(t int, score float64)
	walk = func(t int, score float64) {
		if t == len(features) {
			f(labels, score)
			return
		}
		for y := range c.labels {
			s, ok := 0.0, !continues(y)
			if t > 0 {
				for p := c.into[y]; p < c.into[y+1]; p++ {
					if c.prev[p] == labels[t-1] {
						s, ok = c.scale*c.pairs[p], true
					}
				}
			}
			if !ok {
				continue
			}
			c.scores(own, features[t])
			labels[t] = int16(y)
			walk(t+1, score+s+own[y])
		}
	}
	walk(0, 0)
}

func randomField(rng *rand.Rand) (*crf, []sequence) {
	const labels, features = 5, 6 // O and two slots
	seqs := []sequence{
		{gold: []int16{1, 2, 0, 3}}, {gold: []int16{0, 3, 4, 4}}, {gold: []int16{0}}, {gold: []int16{3, 1, 0}},
	}
	for i := range seqs {
		for range seqs[i].gold {
			seqs[i].features = append(seqs[i].features, []int32{0, int32(rng.IntN(features)), int32(rng.IntN(features))})
		}
	}
	c := newCRF(labels, features, seqs)
	for i := range c.weight {
		c.weight[i] = rng.NormFloat64()
	}
	for i := range c.pairs {
		c.pairs[i] = rng.NormFloat64()
	}
	c.scale = 0.5
	return c, seqs
}

// TestLattice compares marginals and the best path with sums over all paths.
func TestLattice(t *testing.T) {
	const tol = 1e-12
	c, seqs := randomField(rand.New(rand.NewPCG(2, 2)))
	l := newLattice(c)
	for _, s := range seqs {
		n := len(s.gold)
		want := make([]float64, n*c.labels)
		var total, top float64
		var best []int16
		enumerate(c, s.features, func(labels []int16, score float64) {
			p := math.Exp(score)
			total += p
			for i, y := range labels {
				want[i*c.labels+int(y)] += p
			}
			if p > top {
				top, best = p, slices.Clone(labels)
			}
		})
		for _, s := range []sequence{s, s.share()} {
			l.forward(&s)
			l.backward(n)
			for i := range want {
				if got := l.alpha[i] * l.beta[i]; math.Abs(got-want[i]/total) > tol {
					t.Errorf("position %d, label %d, %d features shared: probability %v, want %v", i/c.labels, i%c.labels, len(s.shared), got, want[i]/total)
				}
			}
		}
		if got := c.best(s.features); !slices.Equal(got, best) {
			t.Errorf("best path %v, want %v", got, best)
		}
	}
}

// TestLatticeGradient compares a step with central differences of ln p(gold), by
// weights times scale.
func TestLatticeGradient(t *testing.T) {
	const h, tol = 1e-5, 1e-8
	c, seqs := randomField(rand.New(rand.NewPCG(3, 3)))
	logLikelihood := func(s *sequence) float64 {
		var total, gold float64
		enumerate(c, s.features, func(labels []int16, score float64) {
			total += math.Exp(score)
			if slices.Equal(labels, s.gold) {
				gold = score
			}
		})
		return gold - math.Log(total)
	}
	for i := range seqs {
		before := append(slices.Clone(c.weight), c.pairs...)
		all := func(j int) *float64 {
			if j < len(c.weight) {
				return &c.weight[j]
			}
			return &c.pairs[j-len(c.weight)]
		}
		want := make([]float64, len(before))
		for j := range before {
			*all(j) = before[j] + h
			up := logLikelihood(&seqs[i])
			*all(j) = before[j] - h
			want[j] = (up - logLikelihood(&seqs[i])) / (2 * h * c.scale)
			*all(j) = before[j]
		}
		l := newLattice(c)
		for _, s := range []sequence{seqs[i], seqs[i].share()} {
			l.step(&s, 1)
			for j := range before {
				if got := c.scale * (*all(j) - before[j]); math.Abs(got-want[j]) > tol {
					t.Errorf("sequence %d, weight %d, %d features shared: gradient %v, want %v", i, j, len(s.shared), got, want[j])
				}
				*all(j) = before[j]
			}
		}
	}
}

// TestDecay trains where the gradient is 0, as there is one label: what is left is
// the decay. With a = η₀·λ, step t multiplies by 1 − a/(1+a·t), n of them together by
// (1−a)/(1+a·(n−1)).
func TestDecay(t *testing.T) {
	const tol = 1e-12
	seqs := []sequence{{features: [][]int32{{0}, {1}}, gold: []int16{0, 0}}, {features: [][]int32{{1}}, gold: []int16{0}}}
	o := Options{L2: 3, Epochs: 5}
	c := newCRF(1, 2, seqs)
	all := []*float64{&c.weight[0], &c.weight[1], &c.pairs[0]}
	for i, w := range all {
		*w = float64(1 + i)
	}
	c.train(t.Context(), seqs, o)
	n := float64(len(seqs))
	a := firstStep * o.L2 / n
	left := (1 - a) / (1 + a*(n*float64(o.Epochs)-1))
	for i, w := range all {
		if want := left * float64(1+i); math.Abs(*w-want) > tol {
			t.Errorf("weight %d: %v, want %v", i, *w, want)
		}
	}
}

// What all positions have is shared, as often as all have it.
func TestShare(t *testing.T) {
	features := [][]int32{{1, 2, 2, 3}, {3, 2, 1, 2, 4}, {2, 5, 3, 2}}
	s := sequence{features: features}.share()
	if want := [][]int32{{1}, {1, 4}, {5}}; !reflect.DeepEqual(s.features, want) || !slices.Equal(s.shared, []int32{2, 2, 3}) {
		t.Errorf("shared %v, rest %v, want %v", s.shared, s.features, want)
	}
	if !slices.Equal(features[0], []int32{1, 2, 2, 3}) {
		t.Error("the sequence's own features have changed")
	}
}

// TestTrainBits compares a trained field with the bits that it has everywhere: on
// processors that fuse products with sums, and under GOAMD64=v3, too.
func TestTrainBits(t *testing.T) {
	const want = 0x2f419625ed87ae3a
	_, seqs := randomField(rand.New(rand.NewPCG(4, 4)))
	c := newCRF(5, 6, seqs)
	c.train(t.Context(), seqs, Options{L2: 0.1, Epochs: 20})
	h := fnv.New64a()
	if err := binary.Write(h, binary.LittleEndian, append(c.weight, c.pairs...)); err != nil {
		t.Fatal(err)
	}
	if got := h.Sum64(); got != want {
		t.Errorf("the weights' hash is %#x, want %#x", got, uint64(want))
	}
}

// An ending is a context that ends after so many looks at it.
type ending struct {
	context.Context
	looks int
}

func (e *ending) Err() error {
	if e.looks--; e.looks < 0 {
		return context.Canceled
	}
	return nil
}

// Learning ends within a pass over the sequences, and between those over rows.
func TestTrainEndsEarly(t *testing.T) {
	const tol = 1e-12
	seqs := slices.Repeat([]sequence{{features: [][]int32{{0}}, gold: []int16{0}}}, 4*lookEvery)
	c := newCRF(1, 1, seqs)
	c.train(&ending{t.Context(), 2}, seqs, Options{L2: 3, Epochs: 1})
	a := firstStep * 3 / float64(len(seqs))
	if want := (1 - a) / (1 + a*(2*lookEvery-1)); math.Abs(c.scale-want) > tol { // as in TestDecay
		t.Errorf("the scale is %v, want that after %d sequences, %v", c.scale, 2*lookEvery, want)
	}
	s := newSVM([]vector{{index: []int32{0}, value: []float32{1}}}, 1, 1)
	s.y[0] = 1
	if s.train(&ending{t.Context(), 0}); s.w[0] != 0 {
		t.Errorf("an ended context let %v be learned", s.w)
	}
}

func TestTrainAndReply(t *testing.T) {
	var examples []data.Example
	for i, hour := range []string{"six", "seven", "eight pm", "nine pm", "ten", "noon"} {
		at := []data.Slot{{Name: "time", Value: hour}}
		examples = append(examples,
			data.NewStructured("wake me at "+hour, "alarm_set", at),
			data.NewStructured(fmt.Sprintf("play song %d", i), "play", nil))
	}
	m, err := Train(t.Context(), examples, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"wake me at eight pm": `{"intent": "alarm_set", "time": "eight pm"}`,
		"Wake me at  Seven":   `{"intent": "alarm_set", "time": "Seven"}`,
		"play another song":   `{"intent": "play"}`,
	} {
		if got := m.Reply(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", " ", "\xff", "\x00", strings.Repeat("a ", 5000)} {
		if _, err := data.ParseReply(m.Reply(text)); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	again, err := Train(t.Context(), examples, Options{})
	if err != nil || !reflect.DeepEqual(m.intent, again.intent) || !reflect.DeepEqual(m.slots, again.slots) {
		t.Errorf("equal examples, different models, %v", err)
	}
}

// A slot within a clause without spaces is found.
func TestTrainUnspaced(t *testing.T) {
	var examples []data.Example
	for _, hour := range []string{"六點", "七點半", "八點", "九點半", "十點"} {
		at := []data.Slot{{Name: "time", Value: hour}}
		examples = append(examples,
			data.NewStructured("明天"+hour+"叫我起床", "alarm_set", at), data.NewStructured("請把燈打開", "light_on", nil))
	}
	m, err := Train(t.Context(), examples, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Reply("後天七點半叫我起床"), `{"intent": "alarm_set", "time": "七點半"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTrainLabels(t *testing.T) {
	examples := []data.Example{data.NewLabeled("win money now", "spam"), data.NewLabeled("lunch at noon", "ham"), data.NewLabeled("win a prize", "spam")}
	m, err := Train(t.Context(), examples, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Reply("you win"); got != "spam" {
		t.Errorf("got %q", got)
	}
	if Check(examples) != nil || Check([]data.Example{data.NewChat("hi", "Hello!")}) == nil || Check(nil) == nil {
		t.Error("a baseline applies to labels and intents only")
	}
	mixed := append(examples, data.NewStructured("x", "y", nil))
	if _, err := Train(t.Context(), mixed, Options{}); err == nil {
		t.Error("labels beside intents: no error")
	}
}

// Labels that are as good as numbers, and more slots than a field can hold, are refused
// before any work. As many labels as CLINC150 has are not, nor several times as many.
func TestTooManyLabels(t *testing.T) {
	labeled := func(n, labels int) (examples []data.Example) {
		for i := range n {
			examples = append(examples, data.NewLabeled(fmt.Sprintf("a house with %d rooms in street %d", i%9, i), fmt.Sprintf("%d.99", i%labels)))
		}
		return examples
	}
	for _, labels := range []int{151, 1000} {
		if err := Check(labeled(15_000, labels)); err != nil {
			t.Errorf("15,000 examples with %d labels: %v", labels, err)
		}
	}
	const want = "the training examples have 10,000 labels, and of so much text it learns "
	if err := Check(labeled(10_000, 10_000)); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("10,000 examples with 10,000 labels: %v, want %s…", err, want)
	}
	if labels, features, err := Shape(labeled(1000, 20)); labels != 20 || features == 0 || err != nil {
		t.Errorf("20 labels: a shape of %d labels and %d features, %v", labels, features, err)
	}
	var examples []data.Example
	for i := range 20_000 { // their labels do not fit 16 bits
		examples = append(examples, data.NewStructured("set it to six", "set", []data.Slot{{Name: fmt.Sprintf("slot%d", i), Value: "six"}}))
	}
	if err := Check(examples); err == nil || !strings.Contains(err.Error(), "20,000 slot names") {
		t.Errorf("20,000 slots: %v", err)
	}
	if err := Check(examples[:mostSlots]); err != nil {
		t.Errorf("%d slots: %v", mostSlots, err)
	}
}

// As many features are reckoned with as the program's own data has, or somewhat more.
func TestExpectFeatures(t *testing.T) {
	examples, err := data.Load(testfiles.Data(t, "home-assistant/train.jsonl"), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1000, len(examples)} {
		texts := make([]string, n)
		for i := range texts {
			texts[i] = examples[i].Input()
		}
		m, _ := fitTFIDF(texts)
		if got := expectFeatures(examples[:n]); 2*got < m.size() || got > 2*m.size() {
			t.Errorf("%d examples: %d features expected, %d found", n, got, m.size())
		}
	}
}

// In a log of a classification the replies are the labels, and an instruction that
// all rows share is not read.
func TestTrainLog(t *testing.T) {
	const system = "You label support mail. Answer with one label: parcel, refund or other."
	var examples []data.Example
	for i := range 30 {
		e := data.NewChat(fmt.Sprintf([]string{"where is my parcel %d", "give me my money back %d", "good morning %d"}[i%3], i),
			[]string{"parcel", "refund", "other"}[i%3])
		e.Messages = append([]data.Message{{Role: "system", Content: system}}, e.Messages...)
		examples = append(examples, e)
	}
	m, err := Train(t.Context(), examples, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"is my parcel lost": "parcel", system + "\nmoney back now": "refund"} {
		if got := m.Reply(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if _, ok := m.words.words.index["support"]; ok {
		t.Error("words of the shared instruction are features")
	}
}

// TestHomeAssistant holds the baseline to what scikit-learn and CRFsuite reach
// (docs/benchmarks.md), on the validation part.
func TestHomeAssistant(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for some ten seconds")
	}
	path := testfiles.Data(t, "home-assistant/train.jsonl")
	examples, err := data.Load(path, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	train, validation := data.Holdout(examples, 0.1)
	start := time.Now()
	m, err := Train(t.Context(), train, Options{})
	if err != nil {
		t.Fatal(err)
	}
	intents, exact := 0, 0
	for i := range validation {
		e := &validation[i]
		got := m.Reply(e.Input())
		r, err := data.ParseReply(got)
		if err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if r.Intent == e.Intent {
			intents++
		}
		if want, _ := e.Reply(); got == want {
			exact++
		}
	}
	n := float64(len(validation))
	t.Logf("trained in %v: intent %.1f %%, same bytes %.1f %%", time.Since(start), 100*float64(intents)/n, 100*float64(exact)/n)
	// 88.5 and 70.9 were reached; half a point less would be a change for the worse.
	if float64(intents)/n < 0.88 || float64(exact)/n < 0.70 {
		t.Errorf("intent %d, exact %d of %d", intents, exact, len(validation))
	}
}

// BenchmarkTagger learns the slots of the home-assistant data.
func BenchmarkTagger(b *testing.B) {
	examples, err := data.Load(testfiles.Data(b, "home-assistant/train.jsonl"), data.Options{})
	if err != nil {
		b.Fatal(err)
	}
	texts := make([]string, len(examples))
	for i := range examples {
		texts[i] = examples[i].Input()
	}
	for b.Loop() {
		trainTagger(b.Context(), texts, examples, Options{}.withDefaults())
	}
}
