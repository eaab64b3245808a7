package par

import (
	"sync/atomic"
	"time"
)

// A watch adds up how a pool's threads spend their time.
type watch struct{ runs, work atomic.Int64 }

// Watch makes the pool add up, from now on and starting anew, what
// [Pool.Spent] returns. The pool must be idle.
func (p *Pool) Watch() { p.watch = &watch{} }

// Spent returns how long runs took since [Pool.Watch], and how long all
// threads together were at work in them: what is missing to Threads times runs
// was spent waiting.
func (p *Pool) Spent() (runs, work time.Duration) {
	return time.Duration(p.watch.runs.Load()), time.Duration(p.watch.work.Load())
}

func (w *watch) ran(since time.Time)    { w.runs.Add(int64(time.Since(since))) }
func (w *watch) worked(since time.Time) { w.work.Add(int64(time.Since(since))) }
