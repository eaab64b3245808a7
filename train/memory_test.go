package train

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/internal/testkit/allocs"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

// decoder returns a decoder of shape c, the same each time, all of it
// trainable.
func decoder(c arch.Config) arch.Model {
	m := testkit.Decoder(c, dtype.F32, 1)
	for _, w := range m.Weights() {
		w.SetTrainable()
	}
	return m
}

// texts returns n sequences of so many bytes of real text, a token each.
func texts(tb testing.TB, n, length int) (set []Sequence) {
	tb.Helper()
	text, err := os.ReadFile("../store/builtin/home-assistant/train.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		ids := make([]int, length+1)
		for k, b := range text[i*length : (i+1)*length+1] {
			ids[k] = int(b)
		}
		set = append(set, Sequence{IDs: ids, From: 1})
	}
	return set
}

// byteShape is a small decoder of bytes.
func byteShape() arch.Config {
	c := testkit.Even("llama", true)
	c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadDim, c.FFN, c.Vocab = 3, 96, 6, 3, 16, 256, 256
	return c
}

// The second step of a training allocates nothing, nor does a later one of other
// lengths, once one as large was made, in f32 and in bf16, with blocks computed twice and
// without.
func TestStepAllocatesNothing(t *testing.T) {
	set := texts(t, 4, 32)
	for i := range set {
		set[i].IDs = set[i].IDs[:32-5*i]
	}
	all := []int{0, 1, 2, 3}
	later := [][]int{{3, 1}, {2}, {1, 0, 3}, all, {3, 2, 1, 0}}
	for _, bf16 := range []bool{false, true} {
		for _, memory := range []int64{0, 1} {
			o := shortOptions()
			o.BF16, o.Memory, o.BatchTokens, o.MicroTokens = bf16, memory, 128, 64
			begin := func() (step func(index []int)) {
				z := newTrainer(t, decoder(byteShape()), set, o, Hooks{})
				return func(index []int) {
					if _, _, err := z.step(t.Context(), index, 100); err != nil {
						t.Fatal(err)
					}
				}
			}
			if n := allocs.OfEach(1, func() func() {
				step := begin()
				return func() { step(all) }
			}); n > 0 {
				t.Errorf("bf16 %v, memory %d: %v allocations in the second step", bf16, memory, n)
			}
			step := begin()
			step(all)
			if n := allocs.Of(1, func() {
				for _, index := range later {
					step(index)
				}
			}); n > 0 {
				t.Errorf("bf16 %v, memory %d: %v allocations in steps of other lengths", bf16, memory, n)
			}
		}
	}
}

// Blocks that are computed twice save memory and change no bit.
func TestRecomputeChangesNoBit(t *testing.T) {
	for _, bf16 := range []bool{false, true} {
		t.Run(fmt.Sprintf("bf16=%v", bf16), func(t *testing.T) { testRecompute(t, bf16) })
	}
}

func testRecompute(t *testing.T, bf16 bool) {
	c := byteShape()
	c.Layers = 8
	set := texts(t, 17, 64)
	var want []byte
	var most int
	for _, memory := range []int64{0, 1} {
		o := shortOptions()
		o.BF16, o.Memory, o.Steps, o.BatchTokens, o.MicroTokens = bf16, memory, 4, 256, 128
		m := decoder(c)
		z := newTrainer(t, m, set, o, Hooks{})
		if twice := z.tape.Recompute; twice > 0 != (memory > 0) {
			t.Errorf("memory %d: %d blocks are computed twice", memory, twice)
		}
		if _, err := z.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want, most = elements(m), z.tape.Bytes()
		} else if !bytes.Equal(elements(m), want) {
			t.Error("blocks computed twice gave other weights")
		}
		if memory > 0 && z.tape.Bytes() >= most {
			t.Errorf("with blocks computed twice the tape holds %d bytes, want fewer than the %d without", z.tape.Bytes(), most)
		}
	}
}

// A plan computes no more blocks twice than its memory asks for.
func TestPlanFollowsItsMemory(t *testing.T) {
	o := Defaults()
	whole := NewPlan(smol, smol.Params(), 1024, 512, &o)
	o.Memory = whole.Bytes
	if p := NewPlan(smol, smol.Params(), 1024, 512, &o); p != whole {
		t.Errorf("%+v, want %+v", p, whole)
	}
	for o.Memory > whole.Bytes*9/10 {
		o.Memory -= 10e6
		p := NewPlan(smol, smol.Params(), 1024, 512, &o)
		less := o
		less.Memory = p.Bytes + 30e6 // a block's worth
		if p.Bytes > o.Memory || p.Recompute > 1 && NewPlan(smol, smol.Params(), 1024, 512, &less).Recompute >= p.Recompute {
			t.Errorf("memory %d: %+v", o.Memory, p)
		}
	}
	o.Memory = 1
	if p := NewPlan(smol, smol.Params(), 1024, 512, &o); p.Recompute != smol.Layers-1 {
		t.Errorf("%d blocks are computed twice, want all but the last of %d", p.Recompute, smol.Layers)
	}
}

// What a tape holds after a step is what the plan says, up to a tenth, and what
// chunks of its arena are rounded to.
func TestPlanIsWhatTapesHold(t *testing.T) {
	const arenaChunk = 4 << 20
	wide := byteShape()
	wide.Layers, wide.Width, wide.Heads, wide.KVHeads, wide.HeadDim, wide.FFN, wide.Vocab = 8, 128, 8, 2, 16, 384, 9000
	equal := wide
	equal.KVHeads, equal.Vocab = 8, 256
	for name, c := range map[string]arch.Config{"wide": wide, "equal heads": equal} {
		for _, bf16 := range []bool{false, true} {
			for _, share := range []float64{1, 0.8, 0.1} {
				o := shortOptions()
				o.BF16, o.BatchTokens, o.MicroTokens = bf16, 1024, 1024
				o.Memory = int64(share * float64(NewPlan(c, c.Params(), 1024, 64, &o).Bytes))
				z := newTrainer(t, decoder(c), texts(t, 16, 64), o, Hooks{})
				index := make([]int, 16)
				for i := range index {
					index[i] = i
				}
				if _, _, err := z.step(t.Context(), index, 100); err != nil {
					t.Fatal(err)
				}
				held := int64(z.tape.Bytes())
				planned := z.planned.Bytes - 5*4*int64(c.Params())
				if held > planned+arenaChunk || float64(held) < 0.9*float64(planned)-arenaChunk {
					t.Errorf("%s, bf16 %v, %d blocks twice: the tape holds %d bytes, %d planned", name, bf16, z.planned.Recompute, held, planned)
				}
			}
		}
	}
}

// What a tape holds of a training of adapters does not depend on the format of the
// frozen weights, up to a band of the one that is decoded.
func TestFrozenWeightsAreDecodedInBands(t *testing.T) {
	const band = 8 << 20
	c := testkit.Even("llama", true)
	c.Layers, c.Width, c.FFN, c.Vocab = 2, 128, 256, 1<<16
	held := func(format *dtype.Type) int {
		m := testkit.Decoder(c, format, 1)
		a, err := Adapt(m, 4, 8, 1)
		if err != nil {
			t.Fatal(err)
		}
		pool := par.New(2)
		defer pool.Close()
		z, err := New(m, texts(t, 2, 64), a.Objective(HardLabels{}), shortOptions(), pool, Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := z.step(t.Context(), []int{0, 1}, 100); err != nil {
			t.Fatal(err)
		}
		return z.tape.Bytes()
	}
	f32, q8 := held(dtype.F32), held(dtype.Q8_0)
	if q8 > f32+band {
		t.Errorf("the tape holds %d bytes with weights in q8_0, %d in f32, want at most %d more", q8, f32, band)
	}
}

// apart returns how far losses lie from those wanted, as shares of them: at most, and on
// average.
func apart(losses, want []float64) (worst, mean float64) {
	for i, w := range want {
		share := math.Abs(losses[i]/w - 1)
		worst, mean = max(worst, share), mean+share/float64(len(want))
	}
	return worst, mean
}

// bf16Tolerance is how far the loss of a training in bf16 may lie from that in
// f32, at any step.
const bf16Tolerance = 0.01

// A training in bf16 learns as one in f32, on real text.
func TestBF16LearnsAsF32(t *testing.T) {
	if testing.Short() {
		t.Skip("300 steps, twice")
	}
	if !(&op.GEMM{BF16: true}).Pairs() {
		t.Skip("this processor multiplies bf16 no faster, so that f32 is taken")
	}
	set := texts(t, 2400, 64) // none is seen twice
	curve := func(bf16 bool) []float64 {
		o := Defaults()
		o.Steps, o.BatchTokens, o.Warmup, o.LR, o.BF16 = 300, 512, 20, 1e-3, bf16
		got, err := newTrainer(t, decoder(byteShape()), set, o, Hooks{}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got.Losses
	}
	f32, bf16 := curve(false), curve(true)
	worst, _ := apart(bf16, f32)
	differ := !slices.Equal(bf16, f32)
	if worst > bf16Tolerance || !differ || f32[299] > f32[0]/2 {
		t.Errorf("losses differ by up to %.2f %%, want at most %.0f; at all: %v; in f32 from %.3f to %.3f", 100*worst, 100*bf16Tolerance, differ, f32[0], f32[299])
	}
	t.Logf("losses from %.3f to %.3f, in bf16 within %.2f %%", f32[0], f32[299], 100*worst)
}
