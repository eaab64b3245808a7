package model

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"limbeck/tensor"
)

// ErrNotFinite is why a model is refused that could be looked at: see [OpenUnchecked].
var ErrNotFinite = errors.New("NaN or infinite, want finite weights")

// checkFinite is [finite] of all weights, none of which is packed yet.
func (m *Model) checkFinite() error { return finite(m.tensors()) }

// finite refuses weights that are NaN or infinite: one of them turns every
// logit into NaN, far from its cause. It is done once, when a model is opened,
// so that nothing after it needs to ask; formats with scales are read at the
// scales only.
func finite(tensors []*tensor.Tensor) error {
	blocks := make([]int, len(tensors))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(tensors)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(tensors); i = int(next.Add(1)) - 1 {
				blocks[i] = tensors[i].Type.NotFinite(tensors[i].Data)
			}
		})
	}
	wg.Wait()
	for i, t := range tensors {
		if blocks[i] < 0 {
			continue
		}
		_, cols := t.Matrix()
		at := blocks[i] * t.Type.Len
		where := fmt.Sprintf("element %d", at%cols)
		if n := t.Type.Len; n > 1 {
			where = fmt.Sprintf("elements %d to %d", at%cols, at%cols+n-1)
		}
		return fmt.Errorf("tensor %q: row %d, %s: %w", t.Name, at/cols, where, ErrNotFinite)
	}
	return nil
}
