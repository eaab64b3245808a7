package op

import (
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/internal/par"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// A gated unit that is made some columns at a time has the bits of one that is made of
// whole factors, packed or to be packed later; where it cannot be made so, it is not.
func TestGated(t *testing.T) {
	const width, hidden, fewest = 256, 768, 50
	defer func(n int) { gatedFloats = n }(gatedFloats)
	gatedFloats = 2 * fewest * hidden
	pool := par.New(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(8, 8))
	for _, f := range []*dtype.Type{dtype.Q8_0, dtype.Q4_0, dtype.Q4_K, dtype.Q6_K, dtype.F16} {
		for _, g := range []*dtype.Type{dtype.Q8_0, dtype.Q4_K, dtype.F16} {
			gate, up, down := weightOf(r, f, hidden, width), weightOf(r, f, hidden, width), weightOf(r, g, width, hidden)
			for i, pack := range []func([]*Weight){
				func(ws []*Weight) { PackLater(ws) },
				func(ws []*Weight) { PackAll(ws, pool, nil) },
			} {
				pack([]*Weight{gate, up, down})
				for _, rows := range []int{1, fewest - 1, fewest, 101} {
					tape := NewTape(pool)
					x := randomValue(r, rows, width)
					p := MatMuls(tape, clone(x), gate, up)
					want := MatMul(tape, SwiGLU(tape, p[0], p[1], down), down)
					h := Gated(tape, x, gate, up, down)
					if can := rows >= fewest && g != dtype.F16; (h != nil) != can {
						t.Fatalf("%s for %s, %d rows: made %v, want %v", f, g, rows, h != nil, can)
					}
					if h == nil {
						continue
					}
					if !slices.Equal(MatMul(tape, h, down).Data, want.Data) {
						t.Errorf("%s for %s, %d rows, packing %d: other bits", f, g, rows, i)
					}
					whole, fused := profileOf(tape, func() { MatMuls(tape, x, gate, up) }), profileOf(tape, func() { Gated(tape, x, gate, up, down) })
					if got, want := fused[Spender{Op: "fused swiglu", Weight: "w+w"}].Cost, whole[Spender{Op: "matmul", Weight: "w+w"}].Cost; got != want || got.Bytes == 0 {
						t.Errorf("%s, %d rows: costs %+v, want those of both products, %+v", f, rows, got, want)
					}
				}
			}
		}
	}
}

// profileOf returns what f spends on tape.
func profileOf(tape *Tape, f func()) map[Spender]Spent {
	tape.Profile = &Profile{}
	defer func() { tape.Profile = nil }()
	tape.Profile.Start()
	f()
	return tape.Profile.Stop()
}

// weightOf returns a weight of random blocks in a format.
func weightOf(r *rand.Rand, f *dtype.Type, rows, cols int) *Weight {
	x := tensor.New("w", f, rows, cols)
	row := make([]float32, cols)
	for i := range rows {
		for k := range row {
			row[k] = float32(r.NormFloat64()) / 16
		}
		if f.Encode != nil {
			f.Encode(x.Row(i), row)
			continue
		}
		for b := x.Row(i); len(b) > 0; b = b[f.Size:] {
			for k := range b[:f.Size] {
				b[k] = byte(r.IntN(256))
			}
			for _, at := range f16At[f.Name] { // scales that are finite
				b[at+1] = b[at+1]&0x83 | 0x18
			}
		}
	}
	w := Shaped(rows, cols)
	if err := w.Set(x); err != nil {
		panic(err)
	}
	return w
}

// f16At are the places of scales in blocks of formats that are not written.
var f16At = map[string][]int{"q4_k": {0, 2}, "q6_k": {208}}
