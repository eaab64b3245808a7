package op_test

import (
	"runtime"
	"slices"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// Weights packed together keep their values, and what packs to nothing or is
// packed already stays as it is.
func TestPackAll(t *testing.T) {
	r := source(9)
	var ws []*op.Weight
	for i, format := range []*dtype.Type{dtype.Q4_0, dtype.F16, dtype.Q8_0, dtype.F32, dtype.Q5_1, dtype.Q4_0} {
		w := testkit.Weight(r, "w", 17+i, 96)
		to, err := w.Tensor().Convert(format, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Set(to); err != nil {
			t.Fatal(err)
		}
		ws = append(ws, w)
	}
	want := make([][]float32, len(ws))
	for i, w := range ws {
		want[i] = rows(w)
	}
	for range 2 {
		op.PackAll(append(ws, ws[2]), onePool(t), func(*tensor.Tensor) {})
		for i, w := range ws {
			if !slices.Equal(rows(w), want[i]) {
				t.Errorf("weight %d, %s: values change with packing", i, w.Type())
			}
		}
	}
}

// Who frees a weight that is packed is told of all its rows before memory is taken for
// it, and again in pieces, both without a name, which the whole has.
func TestPackAllTellsOfPieces(t *testing.T) {
	const n = 300
	w := testkit.Weight(source(11), "w", n, 96)
	w.Freeze()
	told := map[string]int{}
	op.PackAll([]*op.Weight{w}, onePool(t), func(x *tensor.Tensor) {
		told[x.Name] += x.Shape[0]
		if size := x.Type.Bytes(96) * x.Shape[0]; len(x.Data) != size {
			t.Errorf("%q: %d bytes of %d rows, want %d", x.Name, len(x.Data), x.Shape[0], size)
		}
	})
	if len(told) != 2 || told[""] != 2*n || told["w"] != n {
		t.Errorf("told of so many rows, by name: %v; want all %d, twice of those without one", told, n)
	}
}

// The promise of memory beside a model's file rests on this: packed, a matrix takes the
// bytes of its file, its rows filled up to groups of 16, in whole cache lines. In iq4_xs
// alone a block of a row takes 2 bytes more than its 136, 1.5 %.
func TestPackedTakesBytesOfFile(t *testing.T) {
	const cols, line = 512, 64
	more := map[*dtype.Type]int{dtype.IQ4_XS: 2} // bytes a block
	for _, format := range dtype.All() {
		for rows, filled := range map[int]int{16: 16, 17: 32, 160: 160} {
			w := op.Shaped(rows, cols)
			if err := w.Set(tensor.New("w", format, rows, cols)); err != nil {
				t.Fatal(err)
			}
			if w.Fast() == nil {
				filled = rows // it stays as it is
			}
			want := filled * (format.Bytes(cols) + cols/format.Len*more[format])
			taken := slices.Concat(op.PackAll([]*op.Weight{w}, onePool(t), func(*tensor.Tensor) {})...)
			if got := w.Bytes(); got != want || w.Fast() != nil && (len(taken) < want || len(taken) >= want+line) {
				t.Errorf("%s: %d rows are %d bytes packed, in memory of %d, want %d", format, rows, got, len(taken), want)
			}
		}
	}
}

// A weight that is rounded takes a master more, and no copy in its format: plans of
// trainings count on it.
func TestRoundedWeightTakesAMaster(t *testing.T) {
	const n = 256 << 10
	w := testkit.Weight(source(12), "w", n/256, 256)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w.SetRounded(dtype.Q8_0)
	runtime.ReadMemStats(&after)
	if got := int(after.TotalAlloc - before.TotalAlloc); got < 4*n || got > 4*n+n/2 {
		t.Errorf("%d bytes, want the master's %d", got, 4*n)
	}
}

// BenchmarkRound makes a weight that fits the second-level cache follow its master.
func BenchmarkRound(b *testing.B) {
	w := testkit.Weight(source(12), "w", 256, 512)
	w.SetRounded(dtype.Q4_0)
	mem := make([]byte, op.RoundBytes)
	n := len(w.Master())
	b.SetBytes(int64(8 * n)) // the master and the weight
	for b.Loop() {
		w.Round(0, n, mem)
	}
}

func rows(w *op.Weight) []float32 {
	v := make([]float32, w.Rows*w.Cols)
	for i := range w.Rows {
		w.DecodeRow(v[i*w.Cols:(i+1)*w.Cols], i)
	}
	return v
}

// One value multiplied by weights that want it in different forms gives each
// what it gets alone.
func TestFormsOfOneValue(t *testing.T) {
	r := source(10)
	const cols = 256
	values := testkit.Weight(r, "x", 3, cols)
	ws := []*op.Weight{packedWeight(t, dtype.Q8_0, cols), packedWeight(t, dtype.Q4_K, cols),
		packedWeight(t, dtype.F16, cols), packedWeight(t, dtype.Q8_0, cols)}
	product := func(tape *op.Tape, x *op.Value, w *op.Weight) []float32 {
		return slices.Clone(op.MatMul(tape, x, w).Data)
	}
	value := func(tape *op.Tape) *op.Value {
		x := tape.Value(3, cols)
		copy(x.Data, rows(values))
		return x
	}
	shared := op.NewTape(onePool(t))
	x := value(shared)
	for i, w := range ws {
		alone := op.NewTape(onePool(t))
		if got, want := product(shared, x, w), product(alone, value(alone), w); !slices.Equal(got, want) {
			t.Errorf("product %d, %s: %v, alone %v", i, w.Type(), got, want)
		}
	}
}

// packedWeight returns a weight of 17 rows whose bytes count up: small scales and
// every level.
func packedWeight(t *testing.T, format *dtype.Type, cols int) *op.Weight {
	t.Helper()
	data := tensor.New("w", format, 17, cols)
	for i := range data.Data {
		data.Data[i] = byte(i % 47)
	}
	w := op.Shaped(17, cols)
	if err := w.Set(data); err != nil {
		t.Fatal(err)
	}
	w.Pack(onePool(t), nil)
	return w
}
