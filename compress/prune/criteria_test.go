package prune

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/nn/op"
)

// criterionTolerance is that of sums of f32 squares.
const criterionTolerance = 1e-6

func near(got, want float64) bool { return math.Abs(got-want) <= criterionTolerance*max(1, want) }

func matrix(cols int, v ...float32) *op.Value {
	return &op.Value{Rows: len(v) / cols, Cols: cols, Data: v}
}

// 1 − cos of four tokens: unchanged, turned by 90 degrees, turned back, and by
// 60 degrees; one without length does not count.
func TestBlockInfluence(t *testing.T) {
	imp := &Importance{Layers: make([]float64, 3)}
	listeners := map[string]func(*op.Value){}
	imp.depth(1, new([]float32), listeners)
	listeners["blk.1.in"](matrix(2, 1, 2, 1, 0, 2, 1, 1, 0, 0, 0))
	listeners["blk.1.out"](matrix(2, 2, 4, 0, 3, -2, -1, 1, float32(math.Sqrt(3)), 1, 1))
	if want := 0 + 1 + 2 + 0.5; !near(imp.Layers[1], want) || imp.Layers[0] != 0 || imp.Layers[2] != 0 {
		t.Errorf("block influence %v, want %g in layer 1", imp.Layers, want)
	}
	// Another batch adds up.
	listeners["blk.1.in"](matrix(2, 1, 0))
	listeners["blk.1.out"](matrix(2, 0, 1))
	if want := 4.5; !near(imp.Layers[1], want) {
		t.Errorf("block influence %g, want %g", imp.Layers[1], want)
	}
}

// Mean magnitude over each sequence's tokens, then squares over sequences:
// column 0 has means 2 and 5, column 1 has 1 and 0.
func TestNeurons(t *testing.T) {
	var seqs []op.Seq
	listeners := map[string]func(*op.Value){}
	score := neurons(0, 2, listeners, &seqs)
	seqs = []op.Seq{{Len: 2}, {Len: 1}}
	listeners["blk.0.ffn_down.weight.in"](matrix(2, -1, 2, 3, 0, -5, 0))
	if !near(score[0], 4+25) || !near(score[1], 1) {
		t.Errorf("neurons %v, want [29 1]", score)
	}
}

// A head's score is the sum over its channels.
func TestHeads(t *testing.T) {
	var seqs []op.Seq
	listeners := map[string]func(*op.Value){}
	score := heads(2, 3, 2, listeners, &seqs)
	seqs = []op.Seq{{Len: 1}, {Len: 2}}
	listeners["blk.2.attn_output.weight.in"](matrix(6,
		1, 1, 0, 2, 0, 0,
		2, 0, 0, 0, 0, 3,
		-2, 0, 0, 0, 0, 0))
	if want := []float64{1 + 1 + 4, 4, 1.5 * 1.5}; !near(score[0], want[0]) || !near(score[1], want[1]) || !near(score[2], want[2]) {
		t.Errorf("heads %v, want %v", score, want)
	}
}

// Channels add up over the norms of all layers and the last one.
func TestChannels(t *testing.T) {
	imp := &Importance{Channels: make([]float64, 2)}
	seqs := []op.Seq{{Len: 1}}
	listeners := map[string]func(*op.Value){}
	norms := channelNorms(2, 2, listeners, &seqs)
	for i, name := range []string{
		"blk.0.attn_norm.weight.out", "blk.0.ffn_norm.weight.out", "blk.1.attn_norm.weight.out", "blk.1.ffn_norm.weight.out", "output_norm.weight.out",
	} {
		listeners[name](matrix(2, float32(i), -1))
	}
	imp.addChannels(norms)
	if len(listeners) != 5 || !near(imp.Channels[0], 0+1+2+3+4) || !near(imp.Channels[1], 5) {
		t.Errorf("channels %v of %d norms, want [10 5] of 5", imp.Channels, len(listeners))
	}
}

// Six heads on three KV heads. Groups score 5+1, 4+4 and 0+7.
func TestGroups(t *testing.T) {
	score := []float64{5, 1, 4, 4, 0, 7}
	for _, c := range []struct {
		heads, kvHeads int
		want, wantKV   []int
	}{
		{6, 3, []int{0, 1, 2, 3, 4, 5}, []int{0, 1, 2}},
		{4, 2, []int{2, 3, 4, 5}, []int{1, 2}}, // both heads count: 6 is the least
		{3, 3, []int{0, 2, 5}, []int{0, 1, 2}}, // the best of each; of equals the first
		{2, 2, []int{0, 5}, []int{0, 2}},       // one of each counts: 5, 4, 7
		{1, 1, []int{5}, []int{2}},
		{2, 1, []int{2, 3}, []int{1}},
	} {
		heads, kv := groups(score, 3, c.heads, c.kvHeads)
		if !slices.Equal(heads, c.want) || !slices.Equal(kv, c.wantKV) {
			t.Errorf("%d heads on %d: %v on %v, want %v on %v", c.heads, c.kvHeads, heads, kv, c.want, c.wantKV)
		}
	}
}

func TestBest(t *testing.T) {
	score := []float64{3, 1, 3, 2, 3}
	for n, want := range [][]int{{}, {0}, {0, 2}, {0, 2, 4}, {0, 2, 3, 4}, {0, 1, 2, 3, 4}} {
		if got := best(score, n); !slices.Equal(got, want) {
			t.Errorf("best %d: %v, want %v", n, got, want)
		}
	}
}

// Layers that are named stay, and in the model they are what they were.
func TestKeepLayers(t *testing.T) {
	m := testkit.Model(1)
	imp := measured(t, m, calibration(m))
	imp.Layers[1] = 0
	imp.KeepLayers([]int{1, 2})
	p, err := NewPlan(m, imp, Shape{Layers: 2})
	if err != nil || !slices.Equal(p.Layers, []int{1, 2}) {
		t.Fatalf("layers %v stay, %v, want 1 and 2", p.Layers, err)
	}
	got, _ := weightOf(t, apply(t, m, p), "blk.0.attn_q.weight")
	want, _ := weightOf(t, m, "blk.1.attn_q.weight")
	if !slices.Equal(got, want) {
		t.Error("the first layer is not the second of before")
	}
}

// deeper says that it has a layer more than it runs.
type deeper struct{ arch.Model }

func (d deeper) Config() arch.Config {
	c := d.Model.Config()
	c.Layers++
	return c
}

// A part of which nothing is heard is not one of no importance.
func TestMeasureHearsEveryPart(t *testing.T) {
	m := testkit.Model(1)
	m.Model = deeper{m.Model}
	pool := par.New(1)
	defer pool.Close()
	_, err := Measure(t.Context(), m, calibration(m), pool, nil)
	if err == nil || !strings.Contains(err.Error(), "blk.3.attn_norm.weight.out") {
		t.Errorf("error %v, want one that names what is missing", err)
	}
}

// What Measure gives is what the model's own activations make, whatever the
// cut into batches: a layer that adds nothing has no influence, a neuron whose
// gate is closed none, a head whose values are zero none.
func TestMeasure(t *testing.T) {
	m := testkit.Model(1)
	c := m.Config()
	zeroRows := func(name string, lo, hi int) {
		v, cols := weightOf(t, m, name)
		clear(v[lo*cols : hi*cols])
	}
	zeroRows("blk.1.attn_output.weight", 0, c.Width)
	zeroRows("blk.1.ffn_down.weight", 0, c.Width)
	zeroRows("blk.2.ffn_up.weight", 7, 8)
	zeroRows("blk.0.attn_v.weight", 0, c.HeadDim) // of KV head 0: query heads 0 and 1
	imp := measured(t, m, calibration(m))
	if !near(imp.Layers[1], 0) || imp.Layers[0] < 0.01 || imp.Layers[2] < 0.01 {
		t.Errorf("block influence %v, want none in layer 1 alone", imp.Layers)
	}
	for l, neurons := range imp.Neurons {
		for i, x := range neurons {
			if (x == 0) != (l == 2 && i == 7) {
				t.Errorf("layer %d, neuron %d: %g", l, i, x)
			}
		}
		for h, x := range imp.Heads[l] {
			if (x == 0) != (l == 0 && h < 2) {
				t.Errorf("layer %d, head %d: %g", l, h, x)
			}
		}
	}
	count := map[int]int{}
	for _, id := range m.Tokenizer.Encode(corpus, false) {
		count[id]++
	}
	for id, n := range imp.Tokens {
		if n != count[id] {
			t.Errorf("token %d: counted %d times, want %d", id, n, count[id])
		}
	}
	if again := measured(t, m, calibration(m)); fmt.Sprint(*again) != fmt.Sprint(*imp) {
		t.Error("measured twice, the importance differs")
	}
}
