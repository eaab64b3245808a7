package train

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/model/arch"
	"limbeck/nn"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

// mergeTolerance bounds how far a merged model's loss may lie from the adapted
// one's: W·x + s·B·(A·x) and (W + s·B·A)·x round differently.
const mergeTolerance = 1e-5

func adaptTiny(t *testing.T, seed uint64) (arch.Model, *Adapters) {
	t.Helper()
	m := openTiny(t)
	a, err := Adapt(m, 4, 8, seed)
	if err != nil {
		t.Fatal(err)
	}
	return m, a
}

func loraOptions() Options {
	o := goldenOptions()
	o.LR, o.Steps = 1e-2, 20
	return o
}

func assess(t *testing.T, m arch.Model, set []Sequence) float64 {
	t.Helper()
	pool := par.New(1)
	defer pool.Close()
	tape := op.NewTape(pool)
	tape.Exact = true
	loss, _, err := Assess(context.Background(), tape, m, set)
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

func trainAdapters(t *testing.T, ctx context.Context, m arch.Model, a *Adapters, set []Sequence, o Options, threads int, h Hooks) error {
	t.Helper()
	pool := par.New(threads)
	defer pool.Close()
	trainer, err := New(m, set, a.Objective(HardLabels{}), o, pool, h)
	if err != nil {
		t.Fatal(err)
	}
	_, err = trainer.Run(ctx)
	return err
}

func elements(m arch.Model) []byte {
	var all []byte
	for _, w := range nn.Weights(m) {
		all = append(all, w.Tensor().Data...)
	}
	return all
}

func TestAdaptersTrainAloneAndMerge(t *testing.T) {
	_, set := readGolden(t)
	m, a := adaptTiny(t, 1)
	// Per layer Q, K, V, O, gate, up and down; rank·(inputs + outputs) each.
	const width, kv, ffn, rank, layers = 64, 32, 160, 4, 2
	if n, want := a.Params(), layers*rank*(2*2*width+2*(width+kv)+3*(width+ffn)); n != want {
		t.Fatalf("%d trainable parameters, want %d", n, want)
	}
	before, weights := assess(t, openTiny(t), set), bytes.Clone(elements(m))
	if start := assess(t, m, set); start != before {
		t.Errorf("new adapters change the loss from %g to %g", before, start)
	}
	if err := trainAdapters(t, t.Context(), m, a, set, loraOptions(), 2, Hooks{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(elements(m), weights) {
		t.Error("the frozen weights have changed")
	}
	after := assess(t, m, set)
	if !(after < before-0.1) {
		t.Errorf("loss %g before, %g after: nothing was learned", before, after)
	}
	a.Merge()
	if merged := assess(t, m, set); math.Abs(merged-after) > mergeTolerance {
		t.Errorf("loss %g with adapters, %g after merging them", after, merged)
	}
}

// Adapters of rank 1 decay as others do: A, of one row, is no vector. In the first step
// nothing else moves it, as B is zero.
func TestAdaptersOfRankOneDecay(t *testing.T) {
	const tolerance = 1e-6 // of weights below 1, in f32
	_, set := readGolden(t)
	o := loraOptions()
	o.Warmup, o.Schedule, o.Decay, o.Steps = 0, Constant, 0.5, 1
	stepped := func() *nn.Adapter {
		m := openTiny(t)
		a, err := Adapt(m, 1, 2, 1)
		if err != nil {
			t.Fatal(err)
		}
		if o.Steps > 0 {
			if err := trainAdapters(t, t.Context(), m, a, set, o, 1, Hooks{}); err != nil {
				t.Fatal(err)
			}
		}
		return nn.Linears(m)[0].Adapter
	}
	after := stepped().A.F32()
	o.Steps = 0
	for i, x := range stepped().A.F32() {
		if want := float64(x) * (1 - o.LR*o.Decay); math.Abs(float64(after[i])-want) > tolerance {
			t.Fatalf("element %d is %g, want %g decayed to %g", i, after[i], x, want)
		}
	}
}

// Merged, a weight has become W + (alpha/rank)·B·A.
func TestMergeByHand(t *testing.T) {
	const rank, alpha = 4, 6.
	const tolerance = 1e-6 // of weights of about 1, in f32
	m := openTiny(t)
	a, err := Adapt(m, rank, alpha, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	want := map[string][]float64{}
	for _, l := range nn.Linears(m) {
		down, up := l.Adapter.A.F32(), l.Adapter.B.F32()
		for i := range up {
			up[i] = float32(r.NormFloat64() / 2)
		}
		w := make([]float64, len(l.Weight.F32()))
		for i, x := range l.Weight.F32() {
			row, col := i/l.Weight.Cols, i%l.Weight.Cols
			var product float64
			for k := range rank {
				product += float64(up[row*rank+k]) * float64(down[k*l.Weight.Cols+col])
			}
			w[i] = float64(x) + alpha/rank*product
		}
		want[l.Weight.Name] = w
	}
	a.Merge()
	for _, l := range nn.Linears(m) {
		for i, x := range l.Weight.F32() {
			if w := want[l.Weight.Name][i]; math.Abs(float64(x)-w) > tolerance {
				t.Fatalf("%s: element %d is %g, want %g", l.Weight.Name, i, x, w)
			}
		}
	}
}

// Interrupted, on any number of threads, the merged weights are the same.
func TestAdaptersAreDeterministic(t *testing.T) {
	_, set := readGolden(t)
	m, a := adaptTiny(t, 1)
	if err := trainAdapters(t, t.Context(), m, a, set, loraOptions(), 1, Hooks{}); err != nil {
		t.Fatal(err)
	}
	a.Merge()
	want := elements(m)

	o := loraOptions()
	o.Checkpoint, o.CheckpointEvery = filepath.Join(t.TempDir(), "c"), time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	m, a = adaptTiny(t, 1)
	stop := Hooks{Progress: func(step, _ int, _ float64, _ int) {
		if step == 7 {
			cancel()
		}
	}}
	if err := trainAdapters(t, ctx, m, a, set, o, 2, stop); err == nil {
		t.Fatal("the training was not interrupted")
	}
	m, a = adaptTiny(t, 1)
	if err := trainAdapters(t, t.Context(), m, a, set, o, 2, Hooks{}); err != nil {
		t.Fatal(err)
	}
	a.Merge()
	if !bytes.Equal(elements(m), want) {
		t.Error("an interrupted training on two threads ends in other weights")
	}
	m, a = adaptTiny(t, 2)
	if err := trainAdapters(t, t.Context(), m, a, set, loraOptions(), 1, Hooks{}); err != nil {
		t.Fatal(err)
	}
	a.Merge()
	if bytes.Equal(elements(m), want) {
		t.Error("another seed ends in the same weights")
	}
}

// Adapters learn beside weights that stay quantized.
func TestAdaptersBesideQuantizedWeights(t *testing.T) {
	_, set := readGolden(t)
	m := openTiny(t)
	for _, l := range nn.Linears(m) {
		q, err := l.Weight.Tensor().Convert(dtype.Q8_0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Weight.Set(q); err != nil {
			t.Fatal(err)
		}
	}
	a, err := Adapt(m, 4, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	before := assess(t, m, set)
	if err := trainAdapters(t, t.Context(), m, a, set, loraOptions(), 2, Hooks{}); err != nil {
		t.Fatal(err)
	}
	after := assess(t, m, set)
	if !(after < before-0.1) {
		t.Errorf("loss %g before, %g after: nothing was learned", before, after)
	}
	a.Merge()
	if merged := assess(t, m, set); math.Abs(merged-after) > mergeTolerance {
		t.Errorf("loss %g with adapters, %g after merging them", after, merged)
	}
}

func TestAdaptersOfImpossibleRank(t *testing.T) {
	for _, rank := range []int{0, 65} {
		if _, err := Adapt(openTiny(t), rank, 8, 1); err == nil {
			t.Errorf("rank %d: want an error", rank)
		}
	}
}
