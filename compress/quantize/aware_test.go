package quantize

import (
	"slices"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/nn/op"
	"limbeck/tensor/dtype"
)

// What a model that is aware of rounding computes with is what is stored of it,
// in every format; what it learns stays finer.
func TestAwareIsWhatIsStored(t *testing.T) {
	for _, f := range dtype.Writable() {
		m := testkit.Model(3)
		plain := map[string][]float32{}
		for _, w := range m.Weights() {
			plain[w.Name] = w.Clone().Decode()
		}
		m.SetTrainable(func(*op.Weight) bool { return true })
		o := Options{Format: f, Embedding: dtype.Q8_0}
		o.SetAware(m)
		stored := applied(t, m, o, 2)
		for i, w := range m.Weights() {
			seen, kept := w.F32(), stored.Weights()[i].Clone().Decode()
			if !slices.Equal(seen, kept) {
				t.Errorf("%s: %s is stored otherwise than it was trained", f.Name, w.Name)
			}
			if w.Rows > 1 && !slices.Equal(w.Master(), plain[w.Name]) {
				t.Errorf("%s: the master of %s is not what it was", f.Name, w.Name)
			}
			if w.Rounded() != (o.format(w) != dtype.F32) {
				t.Errorf("%s: %s is rounded: %v", f.Name, w.Name, w.Rounded())
			}
		}
	}
}
