package train

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"limbeck/internal/par"
	"limbeck/model/arch"
	"limbeck/model/gguf"
	"limbeck/nn"
	"limbeck/tensor"
)

// Tolerances of the comparison with PyTorch: f32 sums in another order differ by a
// relative error of about 1e-6 a step, and 30 steps carry that on.
const (
	lossTolerance   = 1e-4 // nats, of some 5
	normTolerance   = 1e-4 // relative
	weightTolerance = 1e-4 // relative
)

type golden struct {
	LR     []float64 `json:"lr"`
	Losses []float64 `json:"losses"`
	Norms  []float64 `json:"gradient_norms"`
	IDs    [][][]int `json:"ids"`
}

type fileSource struct{ f *gguf.File }

func (s fileSource) Tensor(name string, _, _ int) *tensor.Tensor { return s.f.Tensor(name) }

func openTiny(t testing.TB) arch.Model {
	t.Helper()
	f, err := gguf.Open("testdata/tiny_llama_init.gguf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m, err := arch.New(arch.Config{
		Arch: "llama", Layers: 2, Width: 64, Heads: 4, KVHeads: 2, HeadDim: 16, FFN: 160, Vocab: 256,
		Context: 256, NormEps: 1e-5, RopeBase: 10000, Tied: true,
	}, fileSource{f})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range nn.Weights(m) {
		w.SetTrainable()
	}
	return m
}

func readGolden(t testing.TB) (g golden, set []Sequence) {
	t.Helper()
	text, err := os.ReadFile("testdata/tiny_llama.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	for _, batch := range g.IDs {
		for _, ids := range batch {
			set = append(set, Sequence{IDs: ids, From: 1})
		}
	}
	return g, set
}

// goldenOptions are those of testdata/tiny_llama.py.
func goldenOptions() Options {
	o := Defaults()
	o.Steps, o.LR, o.Warmup, o.FinalLR = 30, 1e-3, 5, 0.1
	o.Beta2, o.Decay, o.Clip = 0.95, 0.1, 1
	o.MicroTokens = 100 // two passes a step: accumulation must not matter
	return o
}

func TestTrainingFollowsPyTorch(t *testing.T) {
	g, set := readGolden(t)
	m := openTiny(t)
	pool := par.New(2)
	defer pool.Close()
	trainer, err := New(m, set, HardLabels{}, goldenOptions(), pool, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range g.Losses {
		if got := trainer.o.rate(i, len(g.Losses)); math.Abs(got-g.LR[i]) > 1e-12 {
			t.Errorf("step %d: learning rate %g, want %g", i, got, g.LR[i])
		}
		loss, _, err := trainer.step(t.Context(), []int{4 * i, 4*i + 1, 4*i + 2, 4*i + 3}, len(g.Losses))
		if err != nil {
			t.Fatal(err)
		}
		trainer.state.Step++
		if math.Abs(loss-want) > lossTolerance {
			t.Errorf("step %d: loss %.6f, PyTorch has %.6f", i, loss, want)
		}
		squares := 0.0 // of the gradient, as the step measured it before clipping
		for _, s := range trainer.opt.squares {
			squares += s
		}
		if norm, want := math.Sqrt(squares), g.Norms[i]; !(math.Abs(norm-want) <= normTolerance*want) {
			t.Errorf("step %d: norm of the gradient %.6f, PyTorch has %.6f", i, norm, want)
		}
	}
	compareWeights(t, m, "testdata/tiny_llama_final.gguf")
}

func compareWeights(t *testing.T, m arch.Model, path string) {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, w := range nn.Weights(m) {
		var diff, norm float64
		for i, want := range f.Tensor(w.Name).Decode() {
			d := float64(w.F32()[i]) - float64(want)
			diff += d * d
			norm += float64(want) * float64(want)
		}
		if r := math.Sqrt(diff / norm); !(r <= weightTolerance) {
			t.Errorf("%s: relative difference from PyTorch %.2e, want at most %.0e", w.Name, r, weightTolerance)
		} else {
			t.Logf("%s: %.2e", w.Name, r)
		}
	}
}
