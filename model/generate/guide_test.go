package generate

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/internal/testkit/allocs"
	"limbeck/model"
	"limbeck/model/guide"
	"limbeck/tensor/dtype"
)

const guidedInput = "wake me at six or seven, \"please\""

func guided(o Options) Options {
	o.Guide = guide.NewExtractive(guidedInput)
	return o
}

// Whatever the model, whatever the sampling, a reply is what its guide allows, in a batch
// as alone, and when the same request is answered again.
func TestGuidedReplies(t *testing.T) {
	m := testkit.Model(1)
	pool := par.New(2)
	defer pool.Close()
	m.Pack(pool)
	r := NewRunner(m, pool, Precision{})
	var all []Request
	for seed := range uint64(60) {
		o := Options{MaxTokens: 100, Seed: seed, Temperature: float64(seed % 4), RepeatPenalty: 1 + float64(seed%2)/2}
		switch seed % 3 {
		case 1:
			o.TopK = 5
		case 2:
			o.MinP = 0.05
		}
		all = append(all, Request{Prompt: []int{1, 2, int(seed)}, Options: guided(o)})
	}
	all[0].Temperature = 1e300
	whole := 0
	for range 2 {
		replies := make([]*Reply, len(all))
		if err := r.Many(t.Context(), all, 7, func(i int, reply *Reply) { replies[i] = reply }); err != nil {
			t.Fatal(err)
		}
		for i, got := range replies {
			g := guide.NewExtractive(guidedInput)
			if !g.Allows([]byte(got.Text)) || got.Finish == Stopped && !g.Fits(got.Text) {
				t.Errorf("%+v: %q, which is not allowed", all[i].Options, got.Text)
			}
			if got.Finish == Stopped {
				whole++
			}
			alone, err := r.NewSession(0).Reply(t.Context(), all[i].Prompt, guided(all[i].Options), nil)
			if err != nil || !slices.Equal(alone.IDs, got.IDs) || !slices.Equal(alone.LogProbs, got.LogProbs) {
				t.Errorf("%+v: %q alone, %q in a batch (%v)", all[i].Options, alone.Text, got.Text, err)
			}
		}
	}
	if whole == 0 {
		t.Error("no reply came to an end: choose other seeds")
	}
}

// A parity guides replies of which each token's text has an even number of bytes.
type parity struct{ never bool }

func (p parity) Start()               {}
func (p parity) Add([]byte)           {}
func (p parity) Complete() bool       { return false }
func (p parity) Allows(b []byte) bool { return !p.never && len(b)%2 == 0 }

// Tokens that a guide leaves have the probabilities that they would have if there were no
// others. What replies report stays the model's.
func TestGuideKeepsProportions(t *testing.T) {
	logits := []float32{1, 0.5, 2, -1, 1.5, 0}
	texts := []string{"ab", "a", "abc", "abcd", "", "xy"} // tokens 0, 3 and 5 are allowed
	want := make([]float64, len(logits))
	total := 0.0
	for _, id := range []int{0, 3, 5} {
		want[id] = math.Exp(float64(logits[id]))
		total += want[id]
	}
	const draws = 20000
	counts := make([]float64, len(logits))
	w := &writer{Request: &Request{Options: Options{Temperature: 1, Seed: 1, Guide: parity{}}}, seq: &sequence{},
		textOf: func(id int) []byte { return []byte(texts[id]) }}
	w.begin()
	for range draws {
		w.reply.IDs, w.reply.LogProbs = w.reply.IDs[:0], w.reply.LogProbs[:0]
		w.choose(slices.Clone(logits))
		id := w.reply.IDs[0]
		counts[id]++
		if plain := logSoftmax(logits)[id]; math.Abs(w.reply.LogProbs[0]-plain) > likelihoodTolerance {
			t.Fatalf("token %d: log-probability %g, want the model's, %g", id, w.reply.LogProbs[0], plain)
		}
	}
	for id := range counts {
		p := want[id] / total
		if sd := math.Sqrt(p * (1 - p) / draws); math.Abs(counts[id]/draws-p) > 4*sd {
			t.Errorf("token %d: drawn in %.4f of all, want %.4f", id, counts[id]/draws, p)
		}
	}
}

// Where no token says what a guide allows, the reply goes on without.
func TestGuideWithoutAWay(t *testing.T) {
	logits := []float32{0, 3, 1}
	w := &writer{Request: &Request{Options: Options{Guide: parity{never: true}}}, seq: &sequence{}, textOf: func(int) []byte { return []byte("x") }}
	w.begin()
	for range 2 {
		w.choose(slices.Clone(logits))
	}
	p := logSoftmax(logits)[1]
	if !slices.Equal(w.reply.IDs, []int{1, 1}) || w.guided || math.Abs(w.reply.LogProbs[0]-p) > likelihoodTolerance {
		t.Errorf("tokens %v of log-probabilities %v, guided %v, want the likeliest twice, of %g, and no guide", w.reply.IDs, w.reply.LogProbs, w.guided, p)
	}
}

// An unending guide closes no reply: it goes on as long as the input has words.
type unending struct{ *guide.Extractive }

func (u unending) Allows(piece []byte) bool {
	return !bytes.ContainsRune(piece, '}') && u.Extractive.Allows(piece)
}

// Tokens that a guide chooses among allocate nothing, however they are drawn: of an ordinary
// reply from its first on, of one that outgrows the guide's memory once one as long was
// written.
func TestGuidedDecodingDoesNotAllocate(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	c, tokenizer := testkit.Even("llama", true), testkit.Model(1).Tokenizer
	c.Context, c.Vocab = 1024, tokenizer.Vocab()
	r := NewRunner(&model.Model{Model: testkit.Decoder(c, dtype.Q4_0, 1), Tokenizer: tokenizer}, pool, Precision{})
	r.Model.Pack(pool)
	const rows, memory = 3, 256 // bytes that a guide has room for
	input := strings.Repeat(guidedInput+" ", 100)
	newGuides := func() (g [rows]guide.Guide) {
		for i := range g {
			g[i] = unending{guide.NewExtractive(input)}
		}
		return g
	}
	used := newGuides()
	for _, c := range []struct {
		name    string
		steps   int
		guides  func() [rows]guide.Guide
		outgrow bool
	}{
		{"new guides", 40, newGuides, false},
		{"guides of replies as long", 300, func() [rows]guide.Guide { return used }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ws [rows]*writer
			n := allocs.OfEach(c.steps, func() func() {
				b, guides := newBatch(r, Limits{Rows: rows}), c.guides()
				for i, o := range [rows]Options{{}, {Temperature: 1}, {Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.02, RepeatPenalty: 1.2}} {
					o.Seed, o.Guide = uint64(i), guides[i]
					var err error
					ws[i], err = b.newWriter(t.Context(), &Request{Prompt: []int{1, 2, 3}, Options: o})
					if err != nil || !b.admit(ws[i]) {
						t.Fatal(err)
					}
				}
				b.step() // reads the prompts
				return b.step
			})
			if n != 0 {
				t.Errorf("%v allocations in %d steps", n, c.steps)
			}
			for i, w := range ws {
				var text []byte
				for _, id := range w.reply.IDs {
					text = append(text, tokenizer.Text(id)...)
				}
				if w.done || !w.guided || len(text) > memory != c.outgrow || !guide.NewExtractive(input).Allows(text) {
					t.Errorf("row %d: done %v, guided %v, %d bytes, %q: the test does not test what it is for", i, w.done, w.guided, len(text), text)
				}
			}
		})
	}
}

func BenchmarkGuide(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	texts := make([][]byte, 5000)
	for i := range texts {
		texts[i] = []byte("z") // which the input has not there
		for range rng.IntN(8) {
			texts[i] = append(texts[i], byte('a'+rng.IntN(26)))
		}
	}
	texts[7] = []byte("ix")
	likeliest := make([]float32, len(texts))
	for i := range likeliest {
		likeliest[i] = float32(rng.NormFloat64())
	}
	for _, c := range []struct {
		name        string
		place       int // of the token that is allowed, among the likeliest
		temperature float64
	}{{"likeliest", 0, 0}, {"second", 1, 0}, {"tenth", 9, 0}, {"unlikely", 500, 0}, {"sampled", 0, 1}, {"sampled second", 1, 1}} {
		b.Run(c.name, func(b *testing.B) {
			w := &writer{Request: &Request{Options: guided(Options{Temperature: c.temperature})}, textOf: func(id int) []byte { return texts[id] }}
			w.begin()
			logits, before := make([]float32, len(texts)), []byte(`{"intent": "alarm", "time": "s`)
			for b.Loop() {
				copy(logits, likeliest)
				logits[7] = 30
				for i := range c.place {
					logits[8+i] = 60
				}
				w.Guide.Start()
				w.Guide.Add(before)
				if id := w.guide(w.sampler.next(logits, nil), logits); id != 7 {
					b.Fatalf("token %d, want 7", id)
				}
			}
		})
	}
}
