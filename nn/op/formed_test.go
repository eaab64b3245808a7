package op

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// RMSNorm and SwiGLU bring their rows to the form that the weight multiplies which
// reads them, with the bits of a product that brings them itself.
func TestRowsAreMadeInTheFormOfTheirReader(t *testing.T) {
	const cols, outs = 512, 48
	pool := par.New(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(4, 4))
	norm := weightOf(r, dtype.F32, 1, cols)
	for _, f := range []*dtype.Type{dtype.Q8_0, dtype.Q4_0, dtype.Q4_K, dtype.Q6_K, dtype.F32, dtype.F16, dtype.BF16} {
		reader := weightOf(r, f, outs, cols)
		PackAll([]*Weight{reader}, pool, nil)
		for _, rows := range []int{1, 3, 70} {
			x, gate := randomValue(r, rows, cols), randomValue(r, rows, cols)
			for name, make := range map[string]func(*Tape, *Weight) *Value{
				"rmsnorm": func(t *Tape, reader *Weight) *Value { return RMSNorm(t, clone(x), norm, 1e-5, reader) },
				"swiglu":  func(t *Tape, reader *Weight) *Value { return SwiGLU(t, clone(gate), clone(x), reader) },
			} {
				t.Run(fmt.Sprintf("%s for %s, %d rows", name, f, rows), func(t *testing.T) {
					tape := NewTape(pool)
					fused, alone := make(tape, reader), make(tape, nil)
					if fused.form != reader.form(tape) || fused.form == nil {
						t.Errorf("the rows are in form %v, want the reader's, %v", fused.form, reader.form(tape))
					}
					if alone.form != nil && alone.form != kernel.Floats {
						t.Errorf("rows that nobody reads are in form %v", alone.form)
					}
					if !slices.Equal(MatMul(tape, fused, reader).Data, MatMul(tape, alone, reader).Data) {
						t.Error("the product has other bits than that of rows that it brought to its form itself")
					}
				})
			}
		}
	}
}
