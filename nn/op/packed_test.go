package op_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// mixed returns weights of several formats, all of their values distinct.
func mixed(t *testing.T) []*op.Weight {
	t.Helper()
	r := source(11)
	var ws []*op.Weight
	for i, format := range []*dtype.Type{dtype.F32, dtype.Q4_0, dtype.BF16, dtype.Q8_0, dtype.Q5_1} {
		w := testkit.Weight(r, format.Name, 15+i, 64)
		to, err := w.Tensor().Convert(format, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Set(to); err != nil {
			t.Fatal(err)
		}
		ws = append(ws, w)
	}
	return ws
}

// Weights take memory that the same weights were packed to, and no other; free is
// told of what they let go.
func TestSetPacked(t *testing.T) {
	first, second := mixed(t), mixed(t)
	want := make([][]float32, len(first))
	for i, w := range first {
		want[i] = rows(w)
	}
	mem := bytes.Join(op.PackAll(first, onePool(t), nil), nil)
	for name, bad := range map[string][]byte{
		"0 bytes of packed weights": nil,
		"bytes of packed weights":   mem[:len(mem)-1],
		`tensor "f32": rows `:       bytes.Repeat([]byte{7}, len(mem)),
		`tensor "q5_1": rows `:      append(slices.Clone(mem[:len(mem)-1000]), make([]byte, 1000)...),
	} {
		// Of two groups one is looked at: the other may be what differs.
		var err error
		for range 64 {
			if err = op.SetPacked(bad, second, nil); err != nil {
				break
			}
			second = mixed(t)
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
		for i, w := range second {
			if !slices.Equal(rows(w), want[i]) || w.Tensor() == nil {
				t.Fatalf("%s: %s changed", name, w.Name)
			}
		}
	}
	var freed []string
	if err := op.SetPacked(mem, second, func(x *tensor.Tensor) { freed = append(freed, x.Name) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"f32", "q4_0", "bf16", "q8_0", "q5_1"}; !slices.Equal(freed, want) {
		t.Errorf("freed %v, want %v", freed, want)
	}
	for i, w := range second {
		if !slices.Equal(rows(w), want[i]) {
			t.Errorf("%s: other values", w.Name)
		}
	}
}

// Once packing has let a file go, nothing is read of it: neither matrices nor the
// vectors between them.
func TestPackedLeavesTheFile(t *testing.T) {
	whole := mixed(t)
	mem := bytes.Join(op.PackAll(whole, onePool(t), nil), nil)
	free := func(*tensor.Tensor) {}
	for name, pack := range map[string]func([]*op.Weight) error{
		"packed": func(ws []*op.Weight) error { op.PackAll(ws, onePool(t), free); return nil },
		"set":    func(ws []*op.Weight) error { return op.SetPacked(mem, ws, free) },
	} {
		norm := op.Shaped(1, 64)
		if err := norm.Set(testkit.Weight(source(12), "norm", 1, 64).Tensor()); err != nil {
			t.Fatal(err)
		}
		ws := append(mixed(t), norm)
		var want [][]float32
		var file [][]byte
		for _, w := range ws {
			want, file = append(want, rows(w)), append(file, w.Tensor().Data)
		}
		if err := pack(ws); err != nil {
			t.Fatal(err)
		}
		for i, w := range ws {
			clear(file[i])
			if !slices.Equal(rows(w), want[i]) {
				t.Errorf("%s: %s is still read from its file", name, w.Name)
			}
		}
	}
}

// What has a layout is not trained, packed already or later: its products would go on
// by the layout.
func TestPackedAreNotTrained(t *testing.T) {
	for name, pack := range map[string]func(ws []*op.Weight){
		"packed": func(ws []*op.Weight) { op.PackAll(ws, onePool(t), nil) },
		"later":  op.PackLater,
	} {
		ws := mixed(t)
		pack(ws)
		for _, w := range ws {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: %s became trainable", name, w.Name)
					}
				}()
				w.SetTrainable()
			}()
		}
	}
}
