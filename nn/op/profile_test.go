package op

import (
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/tensor"
)

// All time is some operation's, products are told apart by weight, and a pass
// without a profile does nothing of the kind.
func TestProfile(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	tape := NewTape(pool)
	packed := Shaped(2, 3)
	if err := packed.Set(tensor.FromF32("blk.7.attn_k.weight", make([]float32, 6), 2, 3)); err != nil {
		t.Fatal(err)
	}
	packed.Pack(pool, nil)
	w := Shaped(2, 3)
	if err := w.Set(tensor.FromF32("blk.7.ffn_up.weight", make([]float32, 6), 2, 3)); err != nil {
		t.Fatal(err)
	}
	pass := func() {
		x := MatMul(tape, tape.Value(4, 3), w)
		Add(tape, x, x)
		MatMuls(tape, tape.Value(4, 3), packed, packed)
	}
	pass()
	tape.Profile = &Profile{}
	start := time.Now()
	tape.Profile.Start()
	for range 3 {
		tape.Reset()
		pass()
	}
	spent := tape.Profile.Stop()
	took := time.Since(start)
	var sum time.Duration
	for s, d := range spent {
		if d < 0 {
			t.Errorf("%v took %v", s, d)
		}
		sum += d
	}
	if sum <= 0 || sum > took {
		t.Errorf("%v in all, of %v", sum, took)
	}
	for _, want := range []Spender{{Op: "matMul", Weight: "ffn_up"}, {Op: "matMul", Weight: "attn_k+attn_k"}, {Op: "addScaled"}, {Op: Outside}} {
		if _, ok := spent[want]; !ok {
			t.Errorf("nothing for %v in %v", want, spent)
		}
	}
	if len(spent) != 4 {
		t.Errorf("got %v", spent)
	}
}
