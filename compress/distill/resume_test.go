package distill

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"limbeck/model/arch"
	"limbeck/train"
)

// distilled trains a small student by all terms, interrupted once after stop
// steps if that is positive, and returns its weights.
func distilled(t *testing.T, teacher arch.Model, c *Cache, set []train.Sequence, threads, stop int) (out [][]float32) {
	t.Helper()
	o := train.Defaults()
	o.Steps, o.BatchTokens, o.MicroTokens, o.LR = 6, 30, 20, 1e-2
	if stop > 0 {
		o.Checkpoint, o.CheckpointEvery = filepath.Join(t.TempDir(), "c"), time.Hour
	}
	for {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		m := trainable(decoder(small(), 3))
		pool := newPool(t, threads)
		d, err := New(small(), teacher, nil, c, every, pool)
		if err != nil {
			t.Fatal(err)
		}
		trainer, err := train.New(m, set, d, o, pool, train.Hooks{Progress: func(step, _ int, _ float64, _ int) {
			if step == stop {
				cancel()
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trainer.Run(ctx); errors.Is(err, context.Canceled) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		for _, w := range m.Weights() {
			out = append(out, slices.Clone(w.F32()))
		}
		return out
	}
}
