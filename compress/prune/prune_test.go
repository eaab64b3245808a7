package prune

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/nn/op"
	"limbeck/train"
)

const corpus = "the cat sat on the mat; the cat ate a hat"

// calibration returns text as three sequences of uneven lengths.
func calibration(m *model.Model) (set []train.Sequence) {
	ids := m.Tokenizer.Encode(corpus, false)
	for _, cut := range [][2]int{{0, 7}, {7, 9}, {9, len(ids)}} {
		set = append(set, train.Sequence{IDs: ids[cut[0]:cut[1]], From: 1})
	}
	return set
}

func measured(t *testing.T, m *model.Model, set []train.Sequence) *Importance {
	t.Helper()
	pool := par.New(2)
	defer pool.Close()
	imp, err := Measure(t.Context(), m, set, pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	return imp
}

func logitsOf(t *testing.T, m arch.Model, ids []int) []float32 {
	t.Helper()
	pool := par.New(1)
	defer pool.Close()
	tape := op.NewTape(pool)
	tape.Exact = true
	rows := make([]int, len(ids))
	for i := range rows {
		rows[i] = i
	}
	return slices.Clone(m.Head(tape, m.Forward(tape, op.One(ids, nil)), rows).Data)
}

func apply(t *testing.T, m *model.Model, p *Plan) *model.Model {
	t.Helper()
	out, err := p.Apply(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// whole returns the plan that keeps everything.
func whole(m *model.Model) *Plan {
	upTo := func(n int) (out []int) {
		for i := range n {
			out = append(out, i)
		}
		return out
	}
	c := m.Config()
	p := &Plan{Layers: upTo(c.Layers), Channels: upTo(c.Width), Tokens: upTo(c.Vocab)}
	for range c.Layers {
		p.Neurons = append(p.Neurons, upTo(c.FFN))
		p.Heads, p.KVHeads = append(p.Heads, upTo(c.Heads)), append(p.KVHeads, upTo(c.KVHeads))
	}
	return p
}

// drop returns list without the given ones.
func drop(list []int, gone ...int) []int {
	return slices.DeleteFunc(slices.Clone(list), func(i int) bool { return slices.Contains(gone, i) })
}

// weightOf returns the elements of a weight, to read and to write.
func weightOf(t *testing.T, m *model.Model, name string) (v []float32, cols int) {
	t.Helper()
	for _, w := range m.Weights() {
		if w.Name == name {
			return w.F32(), w.Cols
		}
	}
	t.Fatalf("no weight %s", name)
	return nil, 0
}

func TestKeepingEverythingChangesNothing(t *testing.T) {
	m := testkit.Model(1)
	p, err := NewPlan(m, measured(t, m, calibration(m)), Shape{})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(*p) != fmt.Sprint(*whole(m)) {
		t.Errorf("the plan of the zero shape leaves something out: %v", *p)
	}
	ids := m.Tokenizer.Encode(corpus, false)
	if !slices.Equal(logitsOf(t, apply(t, m, p), ids), logitsOf(t, m, ids)) {
		t.Error("the logits differ")
	}
}

// What is pruned shows in the logits only by what it added to them: parts whose
// output is zero may go.
func TestPruningZeroParts(t *testing.T) {
	const tolerance = 1e-6 // relative: sums of the same terms in another grouping
	m := testkit.Model(1)
	c := m.Config()
	zero := func(name string, rows, cols []int) {
		v, n := weightOf(t, m, name)
		for i := range v {
			if rows != nil && slices.Contains(rows, i/n) || cols != nil && slices.Contains(cols, i%n) {
				v[i] = 0
			}
		}
	}
	p := whole(m)
	// Layer 1 adds nothing. Of the others neurons, a head of one group and a
	// whole group go, others in each layer.
	zero("blk.1.attn_output.weight", p.Channels, nil)
	zero("blk.1.ffn_down.weight", p.Channels, nil)
	p.Layers = []int{0, 2}
	for _, l := range []int{0, 2} {
		neurons := []int{l, 3 + l, 50, 95}
		zero(fmt.Sprintf("blk.%d.ffn_down.weight", l), nil, neurons)
		p.Neurons[l] = drop(p.Neurons[l], neurons...)
		group := 1 - l/2 // of two KV heads, with two query heads each
		head := 2*(1-group) + l/2
		heads := []int{2 * group, 2*group + 1, head}
		zero(fmt.Sprintf("blk.%d.attn_output.weight", l), nil, channels(heads, c.HeadDim))
		p.Heads[l], p.KVHeads[l] = drop(p.Heads[l], heads...), drop(p.KVHeads[l], group)
	}
	ids := m.Tokenizer.Encode(corpus, false)
	small := apply(t, m, p)
	if k := small.Config(); k.Layers != 2 || k.FFN != c.FFN-4 || k.Heads != 1 || k.KVHeads != 1 {
		t.Fatalf("shape %+v", k)
	}
	if e := distance(logitsOf(t, small, ids), logitsOf(t, m, ids)); !(e <= tolerance) {
		t.Errorf("the logits are off by %.1e, want at most %.0e", e, tolerance)
	}
}

// A channel that nothing writes to and that nothing reads only counts in the
// norms' means: with their weights put right it may go.
func TestPruningAZeroChannel(t *testing.T) {
	const tolerance = 1e-4 // the eps of the norms does not scale along
	m := testkit.Model(1)
	width := m.Config().Width
	const gone = 13
	for _, w := range m.Weights() {
		v := w.F32()
		_, part, _ := strings.Cut(strings.TrimPrefix(w.Name, "blk."), ".")
		for i := range v {
			switch part {
			case "attn_output.weight", "ffn_down.weight":
				if i/w.Cols == gone {
					v[i] = 0
				}
			case "attn_norm.weight", "ffn_norm.weight": // of output_norm too
			default:
				if i%w.Cols == gone && w.Rows > 1 {
					v[i] = 0
				}
			}
		}
	}
	p := whole(m)
	p.Channels = drop(p.Channels, gone)
	small := apply(t, m, p)
	// One over the root of a mean over one channel less.
	shrunk := float32(math.Sqrt(float64(width-1) / float64(width)))
	for _, w := range small.Weights() {
		if w.Rows == 1 {
			for i := range w.F32() {
				w.F32()[i] /= shrunk
			}
		}
	}
	ids := m.Tokenizer.Encode(corpus, false)
	if e := distance(logitsOf(t, small, ids), logitsOf(t, m, ids)); !(e <= tolerance) {
		t.Errorf("the logits are off by %.1e, want at most %.0e", e, tolerance)
	}
}

func distance(x, want []float32) float64 {
	var diff, norm float64
	for i, w := range want {
		d := float64(x[i]) - float64(w)
		diff, norm = diff+d*d, norm+float64(w)*float64(w)
	}
	return math.Sqrt(diff / norm)
}

// A pruned model is a model: its file opens to the same logits, its tokens are
// those of the whole one with other numbers, and they give the logits of these.
func TestPrunedModelSavesAndLoads(t *testing.T) {
	m := testkit.Model(2)
	imp := measured(t, m, calibration(m))
	for name, s := range map[string]Shape{
		"layers": {Layers: 1}, "width": {Width: 32}, "heads": {Heads: 2}, "KV heads": {Heads: 2, KVHeads: 1},
		"neurons": {FFN: 32}, "vocabulary": {Vocab: 265},
		"all": {Layers: 2, Width: 48, Heads: 1, KVHeads: 1, FFN: 40, Vocab: 264},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := NewPlan(m, imp, s)
			if err != nil {
				t.Fatal(err)
			}
			small := apply(t, m, p)
			got, want := small.Config(), m.Config()
			for _, f := range []struct{ got, asked, had int }{
				{got.Layers, s.Layers, want.Layers}, {got.Width, s.Width, want.Width}, {got.Heads, s.Heads, want.Heads},
				{got.KVHeads, s.KVHeads, want.KVHeads}, {got.FFN, s.FFN, want.FFN}, {got.HeadDim, 0, want.HeadDim},
			} {
				if f.got != f.asked && (f.asked != 0 || f.got != f.had) {
					t.Errorf("shape %+v, want %+v", got, s)
				}
			}
			if s.Vocab > 0 && got.Vocab > s.Vocab {
				t.Errorf("%d tokens, want at most %d", got.Vocab, s.Vocab)
			}
			path := filepath.Join(t.TempDir(), "small.gguf")
			if err := small.Save(path); err != nil {
				t.Fatal(err)
			}
			opened, err := model.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			ids := small.Tokenizer.Encode(corpus, false)
			if text := string(opened.Tokenizer.Decode(ids)); text != corpus {
				t.Errorf("the text comes back as %q", text)
			}
			if !slices.Equal(logitsOf(t, opened, ids), logitsOf(t, small, ids)) {
				t.Error("the file gives other logits")
			}
			if name == "vocabulary" {
				sameTokens(t, m, small, p.Tokens, ids)
			}
		})
	}
}

// sameTokens checks that small is m over some of its tokens.
func sameTokens(t *testing.T, m, small *model.Model, tokens, ids []int) {
	t.Helper()
	var old []int
	for _, id := range ids {
		old = append(old, tokens[id])
	}
	want, got := logitsOf(t, m, old), logitsOf(t, small, ids)
	for i := range ids {
		for k, id := range tokens {
			if got[i*len(tokens)+k] != want[i*m.Config().Vocab+id] {
				t.Fatalf("position %d, token %d: logit %g, want %g", i, k, got[i*len(tokens)+k], want[i*m.Config().Vocab+id])
			}
		}
	}
}

// Every byte stays in reach, and so do the special tokens and every text.
func TestPrunedVocabularySpellsEverything(t *testing.T) {
	m := testkit.Model(1)
	spec := m.Tokenizer.Spec()
	small, ids, err := Tokens(spec, make([]int, len(spec.Tokens)), 258)
	if err != nil {
		t.Fatal(err)
	}
	tk, err := token.New(small)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	texts := []string{string(all), corpus, "日本語 и кириллица\r\n\t", strings.Repeat("\xff\xfe", 9)}
	for b := range 256 {
		texts = append(texts, string([]byte{byte(b)}))
	}
	for _, text := range texts {
		if got := string(tk.Decode(tk.Encode(text, false))); got != text && string(m.Tokenizer.Decode(m.Tokenizer.Encode(text, false))) == text {
			t.Errorf("%q comes back as %q", text, got)
		}
	}
	for i, id := range ids {
		if small.Tokens[i] != spec.Tokens[id] {
			t.Fatalf("token %d is %q, was %q", i, small.Tokens[i], spec.Tokens[id])
		}
	}
	if small.Tokens[small.EOS] != spec.Tokens[spec.EOS] {
		t.Errorf("the end of a turn is %q, was %q", small.Tokens[small.EOS], spec.Tokens[spec.EOS])
	}
}

func TestImpossibleShapes(t *testing.T) {
	m := testkit.Model(1)
	imp := measured(t, m, calibration(m))
	for _, s := range []Shape{
		{Layers: 4}, {Width: -1}, {Heads: 3}, {FFN: 97}, {KVHeads: 3}, {Heads: 4, KVHeads: 1}, {Vocab: 100}, {Vocab: 1 << 20},
	} {
		if p, err := NewPlan(m, imp, s); err == nil {
			t.Errorf("%+v: a plan %v, want an error", s, *p)
		}
	}
	pool := par.New(1)
	defer pool.Close()
	if _, err := Measure(t.Context(), m, nil, pool, nil); err == nil {
		t.Error("no calibration data: want an error")
	}
}
