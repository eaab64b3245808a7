package op_test

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"

	"limbeck/internal/machine"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// The memory of packed weights is not there before they are, even where it follows
// on what something else has left: in a process that has packed nothing yet.
func TestPackAllTouchesAsItGoes(t *testing.T) {
	const fresh = "LIMBECK_TEST_PACKS_FIRST"
	if os.Getenv(fresh) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), fresh+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	const mb = 1 << 20
	var ws []*op.Weight
	for _, rows := range []int{48 << 10, 8 << 10, 8 << 10, 8 << 10, 8 << 10, 8 << 10, 8 << 10} {
		w := op.Shaped(rows, 1024) // 51 MB, and 8.5 each
		if err := w.Set(tensor.New("w", dtype.Q8_0, rows, 1024)); err != nil {
			t.Fatal(err)
		}
		ws = append(ws, w)
	}
	size := op.PackedBytes(ws)
	left := make([]byte, 16*mb)
	for i := range left {
		left[i] = 1
	}
	runtime.KeepAlive(left)
	runtime.GC()
	if !machine.ResetPeak() {
		t.Skip("the peak of memory cannot be reset here")
	}
	before := machine.PeakMemory()
	var first sync.Once
	var grown int64
	op.PackAll(ws, onePool(t), func(*tensor.Tensor) {
		first.Do(func() { grown = machine.PeakMemory() - before })
	})
	if whole := machine.PeakMemory() - before; whole < int64(size)/2 {
		t.Errorf("%d MB are there once all is packed, of %d: this is no measure", whole/mb, size/mb)
	}
	if grown > 40*mb {
		t.Errorf("%d MB are there once the first rows are packed, of %d in all", grown/mb, size/mb)
	}
}
