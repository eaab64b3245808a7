package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/model/gguf"
	"limbeck/nn"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

// student returns a small decoder to train, the same each time.
func student(tb testing.TB) arch.Model {
	tb.Helper()
	return studentOf(testkit.Odd("llama", true))
}

func studentOf(c arch.Config) arch.Model {
	m := testkit.Decoder(c, dtype.F32, 1)
	for _, w := range m.Weights() {
		w.SetTrainable()
	}
	return m
}

// sequences returns n random ones of uneven lengths.
func sequences(n int, seed uint64) (set []Sequence) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		ids := testkit.IDs(r, 3+r.IntN(9), testkit.Odd("llama", true).Vocab)
		set = append(set, Sequence{IDs: ids, From: 1 + r.IntN(2)})
	}
	return set
}

// shortOptions make twelve steps of two passes each, a validation every five
// steps and at the end.
func shortOptions() Options {
	o := Defaults()
	o.Steps, o.BatchTokens, o.MicroTokens, o.EvalEvery, o.Warmup, o.LR = 12, 40, 20, 5, 2, 1e-2
	o.CheckpointEvery = time.Hour
	return o
}

// A training is one start of a run: on so many threads, with ctx cut at a place
// that stop names.
type training struct {
	threads int
	steps   func(step int) bool // stop after this step
	batches int                 // stop in the course of a validation, at this sequence; 0: never
	amid    int                 // stop between the passes of this step; 0: never
	contest int                 // a metric: 1 prefers a lower loss, −1 a higher one
	aware   *dtype.Type         // that matrices are rounded to; nil: none
	broken  int                 // after this step a weight is no number; 0: never
	resumed *string             // gets what [Hooks].Begun is told
}

// run trains from what the folder of o holds. It returns the trained weights
// and the result as JSON.
func (r training) run(tb testing.TB, o Options) (weights, result []byte, err error) {
	tb.Helper()
	pool := par.New(r.threads)
	defer pool.Close()
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	m := student(tb)
	for _, w := range m.Weights() {
		if r.aware != nil && w.Rows > 1 {
			w.SetRounded(r.aware)
		}
	}
	held := sequences(6, 9)
	tape := op.NewTape(pool)
	tape.Exact = true
	seen := 0
	made := 0
	trainer, err := New(m, sequences(17, 2), HardLabels{}, o, pool, Hooks{
		Begun: func(step, steps int) {
			made = step
			if r.resumed != nil && step > 0 {
				*r.resumed = fmt.Sprintf("from %d of %d", step, steps)
			}
		},
		Pass: func(int, int, int) {
			if made+1 == r.amid {
				cancel()
			}
		},
		Progress: func(step, _ int, _ float64, _ int) {
			made = step
			if step == r.broken {
				m.Weights()[3].F32()[0] = float32(math.NaN())
			}
			if r.steps != nil && r.steps(step) {
				cancel()
			}
		},
		Validate: func(ctx context.Context, _ *op.Tape) (loss, metric float64, err error) {
			for i := range held {
				if seen++; seen == r.batches {
					cancel()
				}
				l, _, err := Assess(ctx, tape, m, held[i:i+1])
				if err != nil {
					return 0, 0, err
				}
				loss += l
			}
			return loss, -float64(r.contest) * loss, nil
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	got, err := trainer.Run(ctx)
	if err != nil {
		return nil, nil, err
	}
	result, err = json.Marshal(got)
	if err != nil {
		tb.Fatal(err)
	}
	return elements(m), result, nil
}

// However often, wherever and on however many threads a training is
// interrupted, it ends in the same bytes, with the same curve and losses.
func TestTrainingEndsInTheSameBytes(t *testing.T) {
	weights, result, err := training{threads: 1}.run(t, shortOptions())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(weights, elements(student(t))) {
		t.Fatal("nothing was trained")
	}
	after := func(n int) func(int) bool { return func(step int) bool { return step == n } }
	for name, parts := range map[string][]training{
		"two threads":               {{threads: 2}},
		"three threads":             {{threads: 3}},
		"at the first step":         {{threads: 1, steps: after(1)}, {threads: 2}},
		"between validations":       {{threads: 2, steps: after(7)}, {threads: 1}},
		"before a validation":       {{threads: 1, steps: after(5)}, {threads: 1}},
		"as a validation begins":    {{threads: 1, batches: 1}, {threads: 1}},
		"amid a validation":         {{threads: 2, batches: 3}, {threads: 1}},
		"amid the second":           {{threads: 1, batches: 6 + 4}, {threads: 2}},
		"amid the last":             {{threads: 1, batches: 12 + 2}, {threads: 1}},
		"after the last step":       {{threads: 1, steps: after(12)}, {threads: 1}},
		"at every step":             {{threads: 1, steps: func(int) bool { return true }}},
		"amid the first step":       {{threads: 1, amid: 1}, {threads: 2}},
		"amid a step":               {{threads: 2, amid: 8}, {threads: 1}},
		"amid the last step":        {{threads: 1, amid: 12}, {threads: 1}},
		"twice amid one step":       {{threads: 1, amid: 7}, {threads: 2, amid: 7}, {threads: 1}},
		"twice amid one validation": {{threads: 1, batches: 4}, {threads: 1, batches: 2}, {threads: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			o := shortOptions()
			if name != "two threads" && name != "three threads" {
				o.Checkpoint = filepath.Join(t.TempDir(), "c")
			}
			for i := 0; ; i++ {
				if i > o.Steps+2 {
					t.Fatal("the training does not get on")
				}
				p := parts[min(i, len(parts)-1)]
				gotWeights, gotResult, err := p.run(t, o)
				if errors.Is(err, context.Canceled) {
					continue
				} else if err != nil {
					t.Fatal(err)
				}
				if want := len(parts) - 1; i < want {
					t.Fatalf("run %d came to its end, want %d interruptions", i+1, want)
				}
				if !bytes.Equal(gotWeights, weights) {
					t.Error("other weights")
				}
				if !bytes.Equal(gotResult, result) {
					t.Errorf("result %s, want %s", gotResult, result)
				}
				return
			}
		})
	}
}

// A training that diverges ends in the same bytes however it was interrupted before, and
// though checkpoints were to be written of what it diverged to.
func TestDivergenceOutlivesInterruption(t *testing.T) {
	const broken = 7
	weights, result, err := training{threads: 1, broken: broken}.run(t, shortOptions())
	if err != nil {
		t.Fatal(err)
	}
	for stop := 1; stop <= broken; stop++ {
		for _, every := range []time.Duration{0, time.Hour} {
			o := shortOptions()
			o.Checkpoint, o.CheckpointEvery, o.CheckpointShare = filepath.Join(t.TempDir(), "c"), every, 0
			cut := training{threads: 1, broken: broken, steps: func(step int) bool { return step == stop }}
			if _, _, err := cut.run(t, o); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want an interruption", err)
			}
			got, again, err := training{threads: 2, broken: broken}.run(t, o)
			if err != nil || !bytes.Equal(got, weights) || !bytes.Equal(again, result) {
				t.Errorf("interrupted after %d: result %s, %v, want %s; same weights: %v", stop, again, err, result, bytes.Equal(got, weights))
			}
		}
	}
}

// The best weights outlive an interruption: of a training whose validation is
// best early, and of one where it is best late.
func TestBestOutlivesInterruption(t *testing.T) {
	var best []int
	for _, contest := range []int{-1, 1} {
		weights, result, err := training{threads: 1, contest: contest}.run(t, shortOptions())
		if err != nil {
			t.Fatal(err)
		}
		var r Result
		if err := json.Unmarshal(result, &r); err != nil {
			t.Fatal(err)
		}
		best = append(best, r.Best)
		o := shortOptions()
		o.Checkpoint = filepath.Join(t.TempDir(), "c")
		stop := func(step int) bool { return step == 8 }
		if _, _, err := (training{threads: 1, contest: contest, steps: stop}).run(t, o); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want an interruption", err)
		}
		got, again, err := training{threads: 1, contest: contest}.run(t, o)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, weights) || !bytes.Equal(again, result) {
			t.Errorf("interrupted: result %s, want %s; same weights: %v", again, result, bytes.Equal(got, weights))
		}
	}
	if slices.Min(best) >= 8 || slices.Max(best) <= 8 {
		t.Errorf("the best validations are at %v, want one before the interruption and one after it", best)
	}
}

// The time between two checkpoints follows from what writing one takes, and what
// the first takes from its size.
func TestCheckpointInterval(t *testing.T) {
	o := Defaults()
	for took, want := range map[time.Duration]time.Duration{
		0:                     o.CheckpointEvery,
		10 * time.Millisecond: o.CheckpointEvery,
		3 * time.Second:       100 * time.Second,
		time.Minute:           2000 * time.Second,
	} {
		if got := o.checkpointAfter(took); (got - want).Abs() > time.Microsecond {
			t.Errorf("%v after one that took %v, want %v", got, took, want)
		}
	}
	pool := par.New(1)
	defer pool.Close()
	m := student(t)
	for share, want := range map[float64]time.Duration{0: time.Second, 1e-9: firstWait} {
		o := shortOptions()
		o.CheckpointEvery, o.CheckpointShare = time.Second, share
		trainer, err := New(m, sequences(17, 2), HardLabels{}, o, pool, Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		if got := trainer.firstCheckpoint(); got != want {
			t.Errorf("share %g: the first after %v, want %v", share, got, want)
		}
	}
}

// A training that is killed, not asked to end, goes on from its last checkpoint and
// says where that is.
func TestKilledTrainingGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		every time.Duration
		want  string
	}{"always": {0, "from 7 of 12"}, "hardly ever": {time.Hour, ""}} {
		o := shortOptions()
		o.Checkpoint, o.CheckpointEvery, o.CheckpointShare = filepath.Join(t.TempDir(), "c"), c.every, 0
		dead := filepath.Join(t.TempDir(), "dead") // what lies there as step 8 has ended
		_, _, err := training{threads: 1, steps: func(step int) bool {
			if _, err := os.Stat(o.Checkpoint); step == 8 && err == nil {
				if err := os.CopyFS(dead, os.DirFS(o.Checkpoint)); err != nil {
					t.Error(err)
				}
			}
			return step == 8
		}}.run(t, o)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want an interruption", err)
		}
		if _, err := os.Stat(filepath.Join(dead, checkpointFile)); (err == nil) != (c.want != "") {
			t.Fatalf("%s: the checkpoint: %v", name, err)
		}
		o.Checkpoint = dead
		said := ""
		if _, _, err := (training{threads: 1, resumed: &said}).run(t, o); err != nil || said != c.want {
			t.Errorf("%s: said %q, %v; want %q", name, said, err, c.want)
		}
	}
}

// rising trains with a validation after each step, of which the best is that of step
// top, and writes checkpoints after some. Each time it checks what lies in the folder,
// where the checkpoint is of step written, 0 for none, and calls seen, if it is not nil.
func rising(t *testing.T, o Options, top, written int, checkpoints []int, seen func(written int)) (weights, result []byte) {
	t.Helper()
	pool := par.New(1)
	defer pool.Close()
	o.EvalEvery = 1
	m, made := student(t), 0
	best := func(step int) string { return fmt.Sprintf("best-%d.gguf", min(step, top)) }
	checkpointed := func() map[string]bool { return map[string]bool{checkpointFile: true, best(written): true} }
	var trainer *Trainer
	trainer, err := New(m, sequences(17, 2), HardLabels{}, o, pool, Hooks{
		Begun: func(step, _ int) {
			if made = step; written > 0 {
				checkFolder(t, step, trainer, checkpointed())
			}
		},
		Progress: func(step, _ int, _ float64, _ int) { made = step },
		Validate: func(context.Context, *op.Tape) (float64, float64, error) {
			return 1, -math.Abs(float64(made - top)), nil
		},
		Point: func(p Point) {
			if o.Checkpoint == "" {
				return
			}
			want := map[string]bool{}
			if written > 0 {
				want = checkpointed()
			}
			want[best(p.Step)] = true
			checkFolder(t, p.Step, trainer, want)
			if seen != nil {
				seen(written)
			}
			if slices.Contains(checkpoints, p.Step) {
				if err := trainer.checkpoint(); err != nil {
					t.Error(err)
				}
				written = p.Step
				checkFolder(t, p.Step, trainer, checkpointed())
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := trainer.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if result, err = json.Marshal(got); err != nil {
		t.Fatal(err)
	}
	return elements(m), result
}

// checkFolder checks that what is wanted lies in a training's folder, and nothing else,
// and that its tensors take no more than was foretold.
func checkFolder(t *testing.T, step int, trainer *Trainer, want map[string]bool) {
	t.Helper()
	there, err := os.ReadDir(trainer.o.Checkpoint)
	if err != nil {
		t.Error(err)
		return
	}
	var bytes, again int64 // again: of a checkpoint that is written beside this one
	found := map[string]bool{}
	for _, e := range there {
		if found[e.Name()] = true; !want[e.Name()] {
			continue
		}
		f, err := gguf.Open(filepath.Join(trainer.o.Checkpoint, e.Name()))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, x := range f.Tensors() {
			bytes += int64(len(x.Data))
			if e.Name() == checkpointFile {
				again += int64(len(x.Data))
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if !maps.Equal(found, want) {
		t.Errorf("after step %d there are %v, want %v", step, slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(want)))
	}
	trained := 0
	for _, w := range trainer.weights {
		trained += w.Rows * w.Cols
	}
	if lying, writing := CheckpointBytes(trained, true); bytes > lying || bytes+again > writing {
		t.Errorf("after step %d %d bytes are there, and %d beside the next, foretold are %d and %d", step, bytes, bytes+again, lying, writing)
	}
}

// A training that gets better with each validation keeps two validations' weights at
// most, its own and those of the checkpoint, from which it ends in the same bytes: killed
// as the weights of any validation were kept, before older ones were removed or after.
func TestFewBestBetweenCheckpoints(t *testing.T) {
	const top = 10 // of 12 steps
	checkpoints := []int{4, 8}
	weights, result := rising(t, shortOptions(), top, 0, nil, nil)
	o := shortOptions()
	o.Checkpoint = filepath.Join(t.TempDir(), "c")
	type folder struct {
		path    string
		written int
	}
	var dead []folder // what lies there after each step
	rising(t, o, top, 0, checkpoints, func(written int) {
		d := folder{filepath.Join(t.TempDir(), "c"), written}
		if err := os.CopyFS(d.path, os.DirFS(o.Checkpoint)); err != nil {
			t.Fatal(err)
		}
		dead = append(dead, d)
	})
	if len(dead) != o.Steps {
		t.Fatalf("%d validations, want %d", len(dead), o.Steps)
	}
	for i, d := range dead {
		for _, removed := range []bool{true, false} {
			o.Checkpoint = filepath.Join(t.TempDir(), "c")
			if err := os.CopyFS(o.Checkpoint, os.DirFS(d.path)); err != nil {
				t.Fatal(err)
			}
			if !removed && i > 0 { // as it was before, and what was being written
				name := fmt.Sprintf("best-%d.gguf", min(i, top))
				old, err := os.ReadFile(filepath.Join(dead[i-1].path, name))
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{name, "." + checkpointFile + ".7.tmp"} {
					if err := os.WriteFile(filepath.Join(o.Checkpoint, name), old, 0o666); err != nil {
						t.Fatal(err)
					}
				}
			}
			gotWeights, gotResult := rising(t, o, top, d.written, nil, nil)
			if !bytes.Equal(gotWeights, weights) || !bytes.Equal(gotResult, result) {
				t.Errorf("killed after step %d, older weights removed: %v: result %s, want %s; same weights: %v",
					i+1, removed, gotResult, result, bytes.Equal(gotWeights, weights))
			}
		}
	}
}

// Weights that could not be kept are not what a checkpoint calls the best: no training
// would go on from it.
func TestBestThatWasNotKept(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	o := shortOptions()
	o.Checkpoint = filepath.Join(t.TempDir(), "c")
	inTheWay := filepath.Join(o.Checkpoint, "best-5.gguf")
	ctx, cancel := context.WithCancel(t.Context())
	trainer, err := New(student(t), sequences(17, 2), HardLabels{}, o, pool, Hooks{
		Validate: func(context.Context, *op.Tape) (float64, float64, error) {
			cancel() // at the end of a validation, which so is whole
			return 1, 1, os.MkdirAll(inTheWay, 0o777)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trainer.Run(ctx); err == nil || !strings.Contains(err.Error(), inTheWay) {
		t.Fatalf("got %v, want that %s could not be written", err, inTheWay)
	}
	if err := os.RemoveAll(inTheWay); err != nil {
		t.Fatal(err)
	}
	again, err := New(student(t), sequences(17, 2), HardLabels{}, o, pool, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.resume(o.Steps); err != nil || again.state.Step != 5 || again.state.Best != 0 {
		t.Errorf("%v; goes on from step %d with the best of step %d, want 5 and none", err, again.state.Step, again.state.Best)
	}
}

// A checkpoint keeps the work before a validation that was cut short.
func TestInterruptedValidationKeepsItsSteps(t *testing.T) {
	o := shortOptions()
	o.Checkpoint = filepath.Join(t.TempDir(), "c")
	if _, _, err := (training{threads: 1, batches: 2}).run(t, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want an interruption", err)
	}
	first := 0
	_, _, err := training{threads: 1, steps: func(step int) bool {
		if first == 0 {
			first = step
		}
		return false
	}}.run(t, o)
	if err != nil || first != 6 {
		t.Errorf("went on with step %d, %v; want 6", first, err)
	}
}

// A checkpoint keeps the steps before one that was cut short between its passes; before
// the first there is nothing to keep.
func TestInterruptedStepKeepsThoseBefore(t *testing.T) {
	for amid, want := range map[int]string{1: "", 6: "from 5 of 12"} {
		o := shortOptions()
		o.Checkpoint = filepath.Join(t.TempDir(), "c")
		if _, _, err := (training{threads: 1, amid: amid}).run(t, o); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want an interruption", err)
		}
		if _, err := os.Stat(o.Checkpoint); (err == nil) != (want != "") {
			t.Errorf("amid step %d: the checkpoint: %v", amid, err)
		}
		said := ""
		if _, _, err := (training{threads: 1, resumed: &said}).run(t, o); err != nil || said != want {
			t.Errorf("amid step %d: said %q, %v; want %q", amid, said, err, want)
		}
	}
}

// What a training of other sequences, an epoch's plan, takes: each sequence
// once, batches no larger than asked, another order each epoch and seed.
func TestEpochs(t *testing.T) {
	set := sequences(40, 3)
	set = append(set, Sequence{IDs: make([]int, 60), From: 1}) // longer than a batch: alone
	const tokens = 40
	var before [][]int
	for number := range 3 {
		for _, seed := range []uint64{1, 2} {
			steps := epoch(set, tokens, seed, number)
			var all []int
			for _, s := range steps {
				n := 0
				for _, i := range s {
					n += len(set[i].IDs) - 1
				}
				if n > tokens && len(s) > 1 {
					t.Errorf("a step of %d tokens, want at most %d", n, tokens)
				}
				all = append(all, s...)
			}
			for _, b := range before {
				if slices.Equal(all, b) {
					t.Errorf("epoch %d of seed %d has the order of another", number, seed)
				}
			}
			before = append(before, slices.Clone(all))
			slices.Sort(all)
			for i, k := range all {
				if i != k {
					t.Fatalf("epoch %d: not every sequence once: %v", number, all)
				}
			}
		}
	}
	o := Options{BatchTokens: tokens, Seed: 1}
	one, two := len(epoch(set, tokens, 1, 0)), len(epoch(set, tokens, 1, 1))
	for epochs, want := range map[float64]int{1: one, 2: one + two, 0.5: (one + 1) / 2, 1e-9: 1, 1.25: one + (two+2)/4} {
		o.Epochs = epochs
		if got := Steps(set, o); got != want {
			t.Errorf("%g epochs: %d steps, want %d", epochs, got, want)
		}
	}
	p := order{set: set, batchTokens: tokens, seed: 1}
	for i := range one + two {
		want := epoch(set, tokens, 1, i/one)[i%one]
		if i >= one {
			want = epoch(set, tokens, 1, 1)[i-one]
		}
		if got := p.at(i); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("step %d takes %v, want %v", i, got, want)
		}
	}
}

// A training that is aware of rounding ends in rounded weights, and interrupted
// in the same ones: its checkpoints have what they are rounded from.
func TestAwareTraining(t *testing.T) {
	aware := training{threads: 1, aware: dtype.BF16}
	weights, result, err := aware.run(t, shortOptions())
	if err != nil {
		t.Fatal(err)
	}
	rest := dtype.Floats(weights)
	for _, w := range nn.Weights(student(t)) {
		n := w.Rows * w.Cols
		fine := slices.ContainsFunc(rest[:n], func(v float32) bool { return math.Float32bits(v)<<16 != 0 })
		if rest = rest[n:]; fine != (w.Rows == 1) {
			t.Errorf("%s, %d by %d, has elements that bf16 does not hold: %v", w.Name, w.Rows, w.Cols, fine)
		}
	}
	if plain, _, err := (training{threads: 1}).run(t, shortOptions()); err != nil || bytes.Equal(plain, weights) {
		t.Fatalf("rounding changes nothing, or %v", err)
	}
	o := shortOptions()
	o.Checkpoint = t.TempDir()
	cut := training{threads: 2, aware: dtype.BF16, steps: func(step int) bool { return step == 7 }}
	if _, _, err := cut.run(t, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("the interrupted run ends with %v", err)
	}
	if _, _, err := (training{threads: 1}).run(t, o); err == nil {
		t.Error("a training without rounding goes on from the checkpoint of one with it")
	}
	again, resumed, err := aware.run(t, o)
	if err != nil || !bytes.Equal(again, weights) || !bytes.Equal(resumed, result) {
		t.Errorf("interrupted, it ends in other weights or losses, or %v", err)
	}
}
