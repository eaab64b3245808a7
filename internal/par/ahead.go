package par

// A Reader is a task that knows what its workers read next, in a task to come. They ask
// for it while they wait, so that memory does not wait, too.
type Reader interface {
	Task

	// Ahead returns what a worker reads next. It is called before the task has ended.
	Ahead(worker int) Ahead
}

// Ahead is memory to be brought into a core's caches.
type Ahead struct {
	Data []byte
	Ask  func(p *byte, n int) // for n bytes, and does not wait for them
}

const lineBytes = 64

// ask asks for a line, if there is one left.
func (a *Ahead) ask() {
	if len(a.Data) >= lineBytes {
		a.Ask(&a.Data[0], lineBytes)
		a.Data = a.Data[lineBytes:]
	}
}

// foresee takes what a worker reads after t, if t knows.
func (a *Ahead) foresee(t Task, worker int) {
	if r, ok := t.(Reader); ok {
		*a = r.Ahead(worker)
	}
}
