package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

func newTrainer(t *testing.T, m arch.Model, set []Sequence, o Options, h Hooks) *Trainer {
	t.Helper()
	pool := par.New(2)
	t.Cleanup(pool.Close)
	trainer, err := New(m, set, HardLabels{}, o, pool, h)
	if err != nil {
		t.Fatal(err)
	}
	return trainer
}

// Rates worked out by hand: LR 8, the last of four warm-up steps reaches it,
// and a quarter of it is left at the last of twelve.
func TestSchedules(t *testing.T) {
	const tolerance = 1e-12
	half := 8 * (0.25 + 0.75*0.5)
	for schedule, want := range map[string]map[int]float64{
		Constant: {0: 2, 1: 4, 2: 6, 3: 8, 4: 8, 7: 8, 11: 8},
		Linear:   {0: 2, 1: 4, 2: 6, 3: 8, 4: 8 - 6./8, 7: 5, 11: 2},
		Cosine:   {0: 2, 1: 4, 2: 6, 3: 8, 5: 8 * (0.25 + 0.75*(1+math.Sqrt2/2)/2), 7: half, 11: 2},
	} {
		o := Options{LR: 8, Warmup: 4, FinalLR: 0.25, Schedule: schedule}
		for step, rate := range want {
			if got := o.rate(step, 12); math.Abs(got-rate) > tolerance {
				t.Errorf("%s, step %d: %g, want %g", schedule, step, got, rate)
			}
		}
	}
	o := Options{LR: 8, Schedule: Cosine}
	if got := o.rate(0, 1); math.Abs(got) > tolerance {
		t.Errorf("the only step: %g, want the schedule's end, 0", got)
	}
	o.Warmup = 3 // longer than the training
	if got := o.rate(1, 2); math.Abs(got-8*2./3) > tolerance {
		t.Errorf("within the warm-up: %g, want %g", got, 8*2./3)
	}
}

// moment returns the norm of the gradient that one step has taken, as the first
// moments hold it.
func moment(t *testing.T, o Options) float64 {
	t.Helper()
	set := sequences(5, 4)
	z := newTrainer(t, student(t), set, o, Hooks{})
	if _, _, err := z.step(t.Context(), []int{0, 1, 2, 3, 4}, 10); err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, m := range z.opt.m {
		for _, x := range m {
			sum += float64(x) * float64(x)
		}
	}
	return math.Sqrt(sum) / (1 - o.Beta1)
}

func TestClip(t *testing.T) {
	const tolerance = 1e-5 // sums of f32 squares
	o := shortOptions()
	o.Clip = 0
	whole := moment(t, o)
	for _, clip := range []float64{whole / 10, whole * 0.99, whole * 1.01} {
		o.Clip = clip
		if got, want := moment(t, o), math.Min(clip, whole); math.Abs(got/want-1) > tolerance {
			t.Errorf("clipped at %g: norm %g, want %g", clip, got, want)
		}
	}
}

// A step that is cut short between its passes makes no further one, and moves nothing:
// made again, it is the step that it would have been.
func TestCutShortStepMovesNothing(t *testing.T) {
	set, index := sequences(5, 4), []int{0, 1, 2, 3, 4}
	o := shortOptions()
	o.MicroTokens = 1 // a pass each
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	passes := 0
	m := student(t)
	z := newTrainer(t, m, set, o, Hooks{Pass: func(pass, of, tokens int) {
		if passes++; pass != passes || of != len(index) || tokens < pass {
			t.Errorf("pass %d of %d, %d tokens; want pass %d of %d", pass, of, tokens, passes, len(index))
		}
		if pass == 2 {
			cancel()
		}
	}})
	if _, _, err := z.step(ctx, index, 10); !errors.Is(err, context.Canceled) || passes != 2 {
		t.Fatalf("got %v after %d passes, want an interruption after 2", err, passes)
	}
	if !bytes.Equal(elements(m), elements(student(t))) {
		t.Error("weights have moved")
	}
	for _, v := range slices.Concat(z.opt.m, z.opt.v) {
		if slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) {
			t.Fatal("moments have moved")
		}
	}
	other := student(t)
	z.hooks.Pass = nil
	for _, z := range []*Trainer{z, newTrainer(t, other, set, o, Hooks{})} {
		if _, _, err := z.step(t.Context(), index, 10); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(elements(m), elements(other)) {
		t.Error("the step that follows is another than it would have been")
	}
}

// Decay shrinks matrices by rate·decay, and leaves vectors alone.
func TestDecayIsOfMatrices(t *testing.T) {
	const tolerance = 1e-6 // of weights of about 1, in f32
	set := sequences(5, 4)
	o := shortOptions()
	o.Warmup, o.Schedule, o.Decay = 0, Constant, 0
	trained := func() []*op.Weight {
		m := student(t)
		if _, _, err := newTrainer(t, m, set, o, Hooks{}).step(t.Context(), []int{0, 1, 2}, 10); err != nil {
			t.Fatal(err)
		}
		return m.Weights()
	}
	start, plain := student(t).Weights(), trained()
	o.Decay = 0.5
	for i, w := range trained() {
		for k, x := range w.F32() {
			want := float64(plain[i].F32()[k])
			if w.Rows > 1 {
				want -= o.LR * o.Decay * float64(start[i].F32()[k])
			}
			if math.Abs(float64(x)-want) > tolerance {
				t.Fatalf("%s: element %d is %g, want %g", w.Name, k, x, want)
			}
		}
	}
}

// A step of weights that are rounded moves their master as it would move a plain
// model that holds the rounded values, and rounds it anew.
func TestStepMovesTheMaster(t *testing.T) {
	const tolerance = 1e-6 // of weights of about 1, in f32
	o := shortOptions()
	o.Warmup, o.Schedule, o.Decay = 0, Constant, 0
	c := testkit.Even("llama", true) // whose rows are whole blocks
	aware, plain := studentOf(c), studentOf(c)
	var masters, starts [][]float32
	for i, w := range aware.Weights() {
		if w.Rows > 1 {
			w.SetRounded(dtype.Q8_0)
		}
		copy(plain.Weights()[i].F32(), w.F32())
		masters, starts = append(masters, slices.Clone(w.Master())), append(starts, slices.Clone(w.F32()))
	}
	for _, m := range []arch.Model{aware, plain} {
		if _, _, err := newTrainer(t, m, sequences(5, 4), o, Hooks{}).step(t.Context(), []int{0, 1, 2}, 10); err != nil {
			t.Fatal(err)
		}
	}
	for i, w := range aware.Weights() {
		var moved float64
		ended := plain.Weights()[i].F32()
		for k, x := range w.Master() {
			got, want := float64(x)-float64(masters[i][k]), float64(ended[k])-float64(starts[i][k])
			if moved = max(moved, math.Abs(want)); math.Abs(got-want) > tolerance {
				t.Fatalf("%s: element %d of the master moved by %g, want %g", w.Name, k, got, want)
			}
		}
		if moved < 1e3*tolerance {
			t.Errorf("%s: moved by %g at most: nothing was learned", w.Name, moved)
		}
		if w.Rows > 1 {
			bytes, want := make([]byte, dtype.Q8_0.Bytes(w.Rows*w.Cols)), make([]float32, w.Rows*w.Cols)
			dtype.Q8_0.Encode(bytes, w.Master())
			dtype.Q8_0.Decode(want, bytes)
			if !slices.Equal(w.F32(), want) {
				t.Errorf("%s is not its master, rounded", w.Name)
			}
		}
	}
}

// The passes of a step add up: however a step is cut, its loss and gradient are
// the same but for the rounding of f32 sums.
func TestPassesAddUp(t *testing.T) {
	const tolerance = 1e-5
	set := sequences(9, 5)
	index := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	step := func(micro int) (loss float64, grads []float32) {
		o := shortOptions()
		o.MicroTokens, o.Clip = micro, 0
		z := newTrainer(t, student(t), set, o, Hooks{})
		loss, _, err := z.step(t.Context(), index, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range z.opt.m {
			grads = append(grads, m...)
		}
		return loss, grads
	}
	loss, want := step(1 << 20)
	for _, micro := range []int{1, 13, 30} {
		l, got := step(micro)
		if math.Abs(l-loss) > tolerance*loss {
			t.Errorf("passes of %d tokens: loss %g, want %g", micro, l, loss)
		}
		if e := distance(got, want); !(e <= tolerance) {
			t.Errorf("passes of %d tokens: gradients are off by %.1e, want at most %.0e", micro, e, tolerance)
		}
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

// A training whose numbers are no numbers stops at once, and says where.
func TestDivergence(t *testing.T) {
	m := student(t)
	m.Weights()[3].F32()[0] = float32(math.NaN())
	_, err := newTrainer(t, m, sequences(4, 1), shortOptions(), Hooks{}).Run(t.Context())
	if !errors.Is(err, ErrDiverged) || !strings.HasPrefix(err.Error(), "step 1: the loss is NaN") {
		t.Errorf("a weight that is not a number: got %v", err)
	}
	o := shortOptions()
	o.LR, o.Warmup = 1e30, 0
	if _, err := newTrainer(t, student(t), sequences(4, 1), o, Hooks{}).Run(t.Context()); !errors.Is(err, ErrDiverged) {
		t.Errorf("an absurd learning rate: got %v", err)
	}
	for _, loss := range []float64{math.NaN(), math.Inf(1)} {
		_, err = newTrainer(t, student(t), sequences(4, 1), shortOptions(), Hooks{
			Validate: func(context.Context, *op.Tape) (float64, float64, error) { return loss, 0, nil },
		}).Run(t.Context())
		if !errors.Is(err, ErrDiverged) || !strings.HasPrefix(err.Error(), fmt.Sprintf("step 5: the validation loss is %g: ", loss)) {
			t.Errorf("a validation of %g: got %v", loss, err)
		}
	}
	failed := errors.New("the disk is full")
	_, err = newTrainer(t, student(t), sequences(4, 1), shortOptions(), Hooks{
		Validate: func(context.Context, *op.Tape) (float64, float64, error) { return 0, 0, failed },
	}).Run(t.Context())
	if !errors.Is(err, failed) || errors.Is(err, ErrDiverged) {
		t.Errorf("a validation that fails: got %v", err)
	}
}

// A training that diverges after a validation ends with the best weights, and says why.
func TestLateDivergence(t *testing.T) {
	for name, want := range map[string]string{"step": "step 8: the loss is NaN", "validation": "step 10: the validation loss is NaN"} {
		m := student(t)
		var best []byte
		got, err := newTrainer(t, m, sequences(17, 2), shortOptions(), Hooks{
			Progress: func(step, _ int, _ float64, _ int) {
				if name == "step" && step == 7 {
					m.Weights()[3].F32()[0] = float32(math.NaN())
				}
			},
			Validate: func(context.Context, *op.Tape) (float64, float64, error) {
				if best != nil {
					return math.NaN(), 0, nil
				}
				best = slices.Clone(elements(m))
				return 1, 0, nil
			},
		}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Best != 5 || !strings.HasPrefix(got.Stopped, want) || !slices.Equal(elements(m), best) {
			t.Errorf("best %d, %q, want 5, %s; the best weights are there: %v", got.Best, got.Stopped, want, slices.Equal(elements(m), best))
		}
	}
}

// The model ends with the weights of its best validation: by metric, of equal
// ones by loss, of equal ones the first. Patience ends a training without gain.
func TestBestIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		losses, metrics []float64
		patience        int
		best, steps     int
	}{
		"the last":          {[]float64{3, 2, 1, .5}, nil, 0, 4, 4},
		"by loss":           {[]float64{3, 1, 2, 2}, nil, 0, 2, 4},
		"by metric":         {[]float64{1, 2, 3, 4}, []float64{0, 0, 9, 0}, 0, 3, 4},
		"metric, then loss": {[]float64{1, 2, 1, 2}, []float64{0, 5, 5, 5}, 0, 3, 4},
		"first of equals":   {[]float64{2, 1, 1, 1}, nil, 0, 2, 4},
		"patience":          {[]float64{2, 1, 3, 3, 3, 3, 3}, nil, 2, 2, 4},
		"patience renewed":  {[]float64{5, 6, 4, 6, 3, 9}, nil, 2, 5, 6},
		"patience at last":  {[]float64{2, 1, 3, 3}, nil, 2, 2, 4},
	} {
		t.Run(name, func(t *testing.T) {
			m := student(t)
			o := shortOptions()
			o.Steps, o.EvalEvery, o.Patience = len(c.losses), 1, c.patience
			var seen [][]byte
			var points []int
			got, err := newTrainer(t, m, sequences(8, 6), o, Hooks{
				Validate: func(context.Context, *op.Tape) (loss, metric float64, err error) {
					i := len(seen)
					seen = append(seen, slices.Clone(elements(m)))
					if c.metrics != nil {
						metric = c.metrics[i]
					}
					return c.losses[i], metric, nil
				},
				Point: func(p Point) { points = append(points, p.Step) },
			}).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got.Best != c.best || got.Steps != c.steps || (got.Stopped != "") != (c.steps < len(c.losses)) {
				t.Errorf("best %d after %d steps (%q), want %d and %d", got.Best, got.Steps, got.Stopped, c.best, c.steps)
			}
			if !slices.Equal(elements(m), seen[c.best-1]) {
				t.Error("the weights are not those of the best validation")
			}
			if len(points) != c.steps || len(got.Curve) != c.steps || len(got.Losses) != c.steps {
				t.Errorf("%d points told, %d on the curve, %d losses; want %d", len(points), len(got.Curve), len(got.Losses), c.steps)
			}
		})
	}
}

// Without validation the last weights stay.
func TestNoValidation(t *testing.T) {
	m := student(t)
	got, err := newTrainer(t, m, sequences(8, 6), shortOptions(), Hooks{}).Run(t.Context())
	if err != nil || got.Best != 0 || got.Steps != 12 || len(got.Curve) != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The course of a training is the means of stretches that leave no step out.
func TestCourse(t *testing.T) {
	r := Result{Losses: []float64{5, 4, 3, 2, 1}}
	for n, want := range map[int][]Point{
		0:   {},
		1:   {{Step: 5, Loss: 3}},
		2:   {{Step: 2, Loss: 4.5}, {Step: 5, Loss: 2}},
		100: {{Step: 1, Loss: 5}, {Step: 2, Loss: 4}, {Step: 3, Loss: 3}, {Step: 4, Loss: 2}, {Step: 5, Loss: 1}},
	} {
		if got := r.Course(n); !slices.Equal(got, want) {
			t.Errorf("%d points: got %v, want %v", n, got, want)
		}
	}
}

func TestNothingToTrain(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	frozen := student(t)
	for _, w := range frozen.Weights() {
		w.Freeze()
	}
	for want, c := range map[string]struct {
		m   arch.Model
		set []Sequence
	}{
		"nothing to train on":    {student(t), nil},
		"sequence 2 has no tok":  {student(t), []Sequence{{[]int{1, 2}, 1}, {[]int{1, 2}, 2}}},
		"sequence 1 has no tok":  {student(t), []Sequence{{[]int{1, 2}, 0}}},
		"no weight is trainable": {frozen, sequences(2, 1)},
	} {
		if _, err := New(c.m, c.set, HardLabels{}, shortOptions(), pool, Hooks{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// A document's losses and gradient do not depend on those packed beside it.
func TestDocumentsAreApart(t *testing.T) {
	const tolerance = 1e-5 // f32 sums of gradients in another order
	pool := par.New(2)
	defer pool.Close()
	set := sequences(6, 8)
	run := func(index ...int) (rows [][]float64, grads []float32) {
		m := student(t)
		tape := op.NewTape(pool)
		tape.Exact = true
		tape.SetRecording(true)
		var b Batch
		b.pack(set, index, 1, 1)
		r := &rowRecorder{op.CrossEntropy{Targets: b.Targets, Weight: 1}, make([]float64, len(b.Rows))}
		tape.Backward(m.Loss(tape, m.Forward(tape, b.Batch), nil, r))
		for _, i := range index {
			n := set[i].Targets()
			rows, r.rows = append(rows, r.rows[:n]), r.rows[n:]
		}
		for _, w := range m.Weights() {
			grads = append(grads, w.Grad...)
		}
		return rows, grads
	}
	together, sum := run(0, 1, 2, 3, 4, 5)
	add := make([]float32, len(sum))
	for i := range set {
		alone, grads := run(i)
		if !slices.Equal(alone[0], together[i]) {
			t.Errorf("document %d: losses %v alone, %v in a batch", i, alone[0], together[i])
		}
		for k, g := range grads {
			add[k] += g
		}
	}
	if e := distance(add, sum); !(e <= tolerance) {
		t.Errorf("the documents' gradients add up to one off by %.1e, want at most %.0e", e, tolerance)
	}
}

// A rowRecorder is a cross-entropy that remembers the loss of each row.
type rowRecorder struct {
	op.CrossEntropy
	rows []float64
}

func (r *rowRecorder) Loss(row int, logits, grad []float32) float64 {
	l := r.CrossEntropy.Loss(row, logits, grad)
	r.rows[row] = l
	return l
}

// allRows is a model whose last layer computes every row, wanted or not.
type allRows struct{ arch.Model }

func (m allRows) Forward(t *op.Tape, b op.Batch) *op.Value {
	all := b
	all.Rows = nil
	return b.Wanted(t, m.Model.Forward(t, all))
}

// rowsTolerance is how far, of its norm, a gradient may lie from that of a pass with
// more rows: sums over rows, of some hundred, are grouped otherwise.
const rowsTolerance = 0x1p-20

// What the last layer does not compute, for tokens without loss, changes no gradient.
func TestRowsWithoutLoss(t *testing.T) {
	set := texts(t, 12, 24)
	index := make([]int, len(set))
	for i := range set {
		set[i].From, index[i] = 15, i
	}
	gradients := func(whole bool) (all []float32) {
		m := decoder(byteShape())
		passed := arch.Model(m)
		if whole {
			passed = allRows{m}
		}
		pool := par.New(2)
		defer pool.Close()
		tape := op.NewTape(pool)
		tape.Exact = true
		tape.SetRecording(true)
		var b Batch
		b.pack(set, index, 1, 1)
		tape.Backward(HardLabels{}.Loss(tape, passed, &b))
		for _, w := range m.Weights() {
			all = append(all, w.Grad...)
		}
		return all
	}
	want, got := gradients(true), gradients(false)
	var off, norm float64
	for i, g := range want {
		off += math.Pow(float64(got[i]-g), 2)
		norm += math.Pow(float64(g), 2)
	}
	if e := math.Sqrt(off / norm); !(e <= rowsTolerance) {
		t.Errorf("gradients are off by %.1e of their norm from those with all rows", e)
	}
}
