package op_test

import (
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

func rows(w *op.Weight) []float32 {
	v := make([]float32, w.Rows*w.Cols)
	for i := range w.Rows {
		w.DecodeRow(v[i*w.Cols:(i+1)*w.Cols], i)
	}
	return v
}
