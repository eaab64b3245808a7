package quantize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/disk"
	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/gguf"
	"limbeck/model/token"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
	"limbeck/train"
)

const corpus = "the cat sat on the mat; the cat ate a hat, and that was that"

func calibration(m *model.Model) (set []train.Sequence) {
	ids := m.Tokenizer.Encode(corpus, false)
	for _, cut := range [][2]int{{0, 11}, {11, 13}, {13, len(ids)}} {
		set = append(set, train.Sequence{IDs: ids[cut[0]:cut[1]], From: 1})
	}
	return set
}

func calibrated(t *testing.T, m *model.Model) *Importance {
	t.Helper()
	pool := par.New(2)
	defer pool.Close()
	imp, err := Calibrate(t.Context(), m, calibration(m), pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	return imp
}

// written returns the file that m becomes.
func written(t *testing.T, m *model.Model, o Options, threads int) []byte {
	t.Helper()
	pool := par.New(threads)
	defer pool.Close()
	var b bytes.Buffer
	if err := Write(t.Context(), &b, m, o, pool); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// applied returns the model that m's file holds.
func applied(t *testing.T, m *model.Model, o Options, threads int) *model.Model {
	t.Helper()
	return opened(t, written(t, m, o, threads))
}

func opened(t *testing.T, file []byte) *model.Model {
	t.Helper()
	f, err := gguf.Parse(file, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func exactTape(t *testing.T) *op.Tape {
	t.Helper()
	pool := par.New(1)
	t.Cleanup(pool.Close)
	tape := op.NewTape(pool)
	tape.Exact = true
	return tape
}

// Every format: vectors stay f32, the table and the output keep eight bits
// unless asked otherwise, elements are those that tensors convert to, what opens
// is saved as the same file, and threads change nothing.
func TestWrite(t *testing.T) {
	m := testkit.Model(3)
	imp := calibrated(t, m)
	for _, f := range dtype.Writable() {
		for _, importance := range []*Importance{nil, imp} {
			t.Run(fmt.Sprintf("%s, weighted %v", f, importance != nil), func(t *testing.T) {
				o := Options{Format: f, Importance: importance}
				file := written(t, m, o, 1)
				if !bytes.Equal(file, written(t, m, o, 3)) {
					t.Error("other bytes on three threads")
				}
				q := opened(t, file)
				for i, w := range q.Weights() {
					want := f
					if w.Name == "token_embd.weight" && slices.Contains([]string{"q4_0", "q4_1", "q5_0", "q5_1"}, f.Name) {
						want = dtype.Q8_0
					}
					if w.Rows == 1 {
						want = dtype.F32
					}
					if w.Type() != want {
						t.Errorf("%s is %s, want %s", w.Name, w.Type(), want)
					}
					x, err := m.Weights()[i].Tensor().Convert(want, importance.of(w.Name))
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(w.Tensor().Data, x.Data) {
						t.Errorf("%s: other bytes than the tensor converts to", w.Name)
					}
				}
				var again bytes.Buffer
				if err := q.SaveTo(&again); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(file, again.Bytes()) {
					t.Error("what was read is saved as another file")
				}
			})
		}
	}
}

// A tensor of pieces and a part of one is written as it converts in one go; once
// the context ends, no further piece is.
func TestPieces(t *testing.T) {
	const cols = 64
	to := dtype.Q8_0
	piece := pieceBytes / to.Bytes(cols) // rows
	rows := 2*piece + partRows + 1
	x := testkit.Random{Rand: rand.New(rand.NewPCG(1, 1))}.Tensor("x", rows, cols)
	want, err := x.Convert(to, nil)
	if err != nil {
		t.Fatal(err)
	}
	pool := par.New(2)
	defer pool.Close()
	convert := func(ctx context.Context, out io.Writer) error {
		c := &conversion{from: x, to: to, scratch: make([][]float32, pool.Threads())}
		return c.write(ctx, out, pool)
	}
	var got bytes.Buffer
	if err := convert(t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), want.Data) {
		t.Errorf("%d bytes, %v; want the %d that the tensor converts to", got.Len(), err, len(want.Data))
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := &canceling{cancel: cancel}
	if err := convert(ctx, c); !errors.Is(err, context.Canceled) || c.Len() != piece*to.Bytes(cols) {
		t.Errorf("canceled after the first piece: %d bytes, %v", c.Len(), err)
	}
}

// canceling ends a context when something is written.
type canceling struct {
	bytes.Buffer
	cancel func()
}

func (c *canceling) Write(p []byte) (int, error) {
	c.cancel()
	return c.Buffer.Write(p)
}

// What ends in the middle of a conversion leaves no file, and the old one if there
// was one: an error of the format, a panic of a thread, the end of the context, a weight
// that would be infinite.
func TestFailedWriteLeavesNothing(t *testing.T) {
	good := testkit.Model(3)
	broken := testkit.Model(3) // the last of its matrices lacks its elements
	last := broken.Weights()[len(broken.Weights())-2]
	if last.Rows == 1 {
		t.Fatalf("%s is a vector", last.Name)
	}
	last.Tensor().Data = last.Tensor().Data[:4:4]
	large := testkit.Model(3) // for f16, and for the f16 scales of blocks
	at := slices.IndexFunc(large.Weights(), func(w *op.Weight) bool { return w.Name == "blk.1.ffn_up.weight" })
	large.Weights()[at].F32()[3*large.Weights()[at].Cols] = 1e7
	unreadable := *dtype.Q8_0
	unreadable.Encode = nil
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	pool := par.New(2)
	defer pool.Close()
	for _, tc := range []struct {
		name, want string
		ctx        context.Context
		m          *model.Model
		format     *dtype.Type
	}{
		{"error", "can be read but not written", t.Context(), good, &unreadable},
		{"panic", "slice bounds out of range", t.Context(), broken, dtype.Q4_0},
		{"end", "context canceled", ended, good, dtype.Q4_0},
		{"large", `tensor "blk.1.ffn_up.weight": row 3 has weights beyond what f16 can hold`, t.Context(), large, dtype.F16},
		{"large", `tensor "blk.1.ffn_up.weight": row 3 has weights beyond what q8_0 can hold`, t.Context(), large, dtype.Q8_0},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "m.gguf")
		for _, before := range []string{"", "old"} {
			if before != "" {
				if err := os.WriteFile(path, []byte(before), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			err := func() (err error) {
				defer func() {
					if r := recover(); r != nil {
						err = fmt.Errorf("panic: %v", r)
					}
				}()
				return disk.Write(path, func(out io.Writer) error {
					return Write(tc.ctx, out, tc.m, Options{Format: tc.format}, pool)
				})
			}()
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
			}
			entries, _ := os.ReadDir(dir)
			text, _ := os.ReadFile(path)
			if string(text) != before || before == "" && len(entries) > 0 || len(entries) > 1 {
				t.Errorf("%s: left %d files, and %d bytes of %q", tc.name, len(entries), len(text), before)
			}
		}
	}
}

// Rows that a block does not divide are stored as F16, as llama.cpp does.
func TestOddRowsFallBack(t *testing.T) {
	c := testkit.Odd("llama", false)
	spec, err := token.Train(slices.Values([]string{corpus}), 260, "gpt-2", []string{"<end>"})
	if err != nil {
		t.Fatal(err)
	}
	c.Vocab = len(spec.Tokens)
	m, err := model.New(c, testkit.Random{Rand: rand.New(rand.NewPCG(1, 1))}, spec, "")
	if err != nil {
		t.Fatal(err)
	}
	o, matrices := Options{Format: dtype.Q4_0}, 0
	for _, w := range applied(t, m, o, 1).Weights() {
		want := dtype.F16
		if w.Rows == 1 {
			want = dtype.F32
		}
		if w.Type() != want {
			t.Errorf("%s of %d columns is %s, want %s", w.Name, w.Cols, w.Type(), want)
		}
		if w.Rows > 1 {
			matrices++
		}
	}
	if n := o.Fallbacks(m); n != matrices {
		t.Errorf("%d matrices fall back, want all %d", n, matrices)
	}
	if n := o.Fallbacks(testkit.Model(3)); n != 0 {
		t.Errorf("%d matrices of whole blocks fall back", n)
	}
}

func TestParse(t *testing.T) {
	for _, name := range []string{"q4_0", "Q8_0", "f16", "BF16"} {
		if f, err := Parse(name); err != nil || !strings.EqualFold(f.Name, name) {
			t.Errorf("%s: got %v, %v", name, f, err)
		}
	}
	for _, name := range []string{"", "q4_k_m", "int4"} {
		if _, err := Parse(name); err == nil || !strings.Contains(err.Error(), "q8_0") {
			t.Errorf("%q: got %v, want an error that lists the formats", name, err)
		}
	}
}

// The importance of a column is its mean square over all tokens; table and
// output have none.
func TestCalibrate(t *testing.T) {
	const tolerance = 1e-6
	imp := &Importance{map[string][]float64{}, map[string]int{}}
	imp.add("w", &op.Value{Rows: 2, Cols: 2, Data: []float32{1, 2, 3, 0}})
	imp.add("w", &op.Value{Rows: 1, Cols: 2, Data: []float32{-2, 5}})
	if got, want := imp.of("w"), []float32{14. / 3, 29. / 3}; math.Abs(float64(got[0]-want[0]))+math.Abs(float64(got[1]-want[1])) > tolerance {
		t.Errorf("importance %v, want %v", got, want)
	}
	var none *Importance
	if imp.of("other") != nil || none.of("w") != nil {
		t.Error("a weight that was not seen has an importance")
	}

	m := testkit.Model(3)
	imp = calibrated(t, m)
	x := inputs(t, m)
	for _, w := range m.Weights() {
		got := imp.of(w.Name)
		if within := strings.HasPrefix(w.Name, "blk.") && w.Rows > 1; (got != nil) != within {
			t.Errorf("%s has an importance: %v, want %v", w.Name, got != nil, within)
		}
		want := make([]float64, len(got))
		for i, v := range x[w.Name] {
			want[i%w.Cols] += float64(v) * float64(v) * float64(w.Cols) / float64(len(x[w.Name]))
		}
		for c := range got {
			if math.Abs(float64(got[c])-want[c]) > 1e-5*want[c] {
				t.Fatalf("%s, column %d: %g, want %g", w.Name, c, got[c], want[c])
			}
		}
	}
	pool := par.New(1)
	defer pool.Close()
	if _, err := Calibrate(t.Context(), m, nil, pool, nil); err == nil {
		t.Error("no calibration data: want an error")
	}
}

// inputs returns what reaches each matrix within a block on the calibration
// data, row after row, by the weight's name.
func inputs(t *testing.T, m *model.Model) map[string][]float32 {
	t.Helper()
	x := map[string][]float32{}
	tape := exactTape(t)
	tape.OnTap = func(name string, v *op.Value) {
		if name, ok := strings.CutSuffix(name, ".weight.in"); ok && strings.HasPrefix(name, "blk.") {
			x[name+".weight"] = append(x[name+".weight"], v.Data...)
		}
	}
	if err := train.Sweep(t.Context(), tape, m, calibration(m), nil, nil); err != nil {
		t.Fatal(err)
	}
	return x
}

// Where activations are skewed, as real ones are, the importance matrix lowers
// the error of every layer's output, ‖W·X − Ŵ·X‖², in every format that weighs.
func TestImportanceLowersTheError(t *testing.T) {
	m := testkit.Model(3)
	for _, w := range m.Weights() { // some channels come out of the norms far greater than others
		if w.Rows == 1 {
			for i := range w.F32() {
				w.F32()[i] *= []float32{0.2, 1, 0.5, 12, 0.1}[i%5]
			}
		}
	}
	x, imp := inputs(t, m), calibrated(t, m)
	_, weighing := formats()
	for _, f := range weighing {
		plain, weighted := applied(t, m, Options{Format: f}, 1).Weights(), applied(t, m, Options{Format: f, Importance: imp}, 1).Weights()
		var with, without float64
		for i, w := range m.Weights() {
			if in := x[w.Name]; in != nil {
				with += outputError(w.Tensor(), weighted[i].Tensor(), in)
				without += outputError(w.Tensor(), plain[i].Tensor(), in)
			}
		}
		t.Logf("%s: %.3g with the importance matrix, %.3g without", f, with, without)
		if !(with < 0.8*without) {
			t.Errorf("%s: error %g with the importance matrix, %g without; want a fifth less at least", f, with, without)
		}
	}
}

// outputError returns ‖(W−Ŵ)·X‖² / ‖W·X‖².
func outputError(w, q *tensor.Tensor, in []float32) float64 {
	rows, cols := w.Matrix()
	a, b := w.Decode(), q.Decode()
	var diff, norm float64
	for at := 0; at < len(in); at += cols {
		for r := range rows {
			var y, z float64
			for c, v := range in[at : at+cols] {
				y += float64(v) * float64(a[r*cols+c])
				z += float64(v) * float64(b[r*cols+c])
			}
			diff, norm = diff+(y-z)*(y-z), norm+y*y
		}
	}
	return diff / norm
}

// A block that nothing came through is rounded to nearest, as without
// importance; llama.cpp would store zeros.
func TestBlockWithoutImportance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := tensor.New("x", dtype.F32, 3, 64)
	for i := range dtype.Floats(x.Data) {
		dtype.Floats(x.Data)[i] = float32(r.NormFloat64())
	}
	importance := make([]float32, 64)
	for i := 32; i < 64; i++ {
		importance[i] = float32(r.Float64())
	}
	_, weighing := formats()
	for _, f := range weighing {
		plain, err := x.Convert(f, nil)
		if err != nil {
			t.Fatal(err)
		}
		weighted, err := x.Convert(f, importance)
		if err != nil {
			t.Fatal(err)
		}
		for row := range 3 {
			p, w := plain.Row(row), weighted.Row(row)
			if !bytes.Equal(p[:f.Size], w[:f.Size]) || bytes.Equal(p[f.Size:], w[f.Size:]) {
				t.Errorf("%s, row %d: same first block %v, same second block %v; want the first alone",
					f, row, bytes.Equal(p[:f.Size], w[:f.Size]), bytes.Equal(p[f.Size:], w[f.Size:]))
			}
		}
	}
}

// Weights in blocks are told of where others would hold them, and only there.
func TestAgain(t *testing.T) {
	m := testkit.Model(3)
	if from := (&Options{Format: dtype.Q4_0}).RoundedAlready(m); from != nil {
		t.Errorf("weights in f32 are rounded to %s already", from.Name)
	}
	m = applied(t, m, Options{Format: dtype.Q8_0}, 1)
	for to, want := range map[*dtype.Type]*dtype.Type{dtype.Q4_0: dtype.Q8_0, dtype.Q8_0: nil, dtype.F16: nil, dtype.F32: nil} {
		if from := (&Options{Format: to}).RoundedAlready(m); from != want {
			t.Errorf("to %s: rounded to %v already, want %v", to.Name, from, want)
		}
	}
}
