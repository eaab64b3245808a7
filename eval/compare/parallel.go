package compare

import (
	"context"
	"sync"
)

// pieces is a task of the pool that needs no memory of its own.
type pieces func(i int)

func (f pieces) Do(_, piece int) { f(piece) }

// parallel calls f for 0 ≤ i < n on all threads. Results must not depend on the
// order.
func (c *comparison) parallel(n int, f func(i int)) { c.pool.Run(pieces(f), n) }

// each is parallel with progress; it does no more once ctx has ended.
func (c *comparison) each(ctx context.Context, stage string, n int, f func(i int)) error {
	var done int64
	var mu sync.Mutex
	c.parallel(n, func(i int) {
		if ctx.Err() != nil {
			return
		}
		f(i)
		mu.Lock()
		defer mu.Unlock()
		done++
		c.Progress(stage, done, int64(n), "")
	})
	return ctx.Err()
}
