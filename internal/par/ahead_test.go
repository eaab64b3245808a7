package par

import (
	"sync"
	"testing"
)

// A prophet is a task whose workers read lines of their own next.
type prophet struct {
	team
	next [2][]byte
	mu   sync.Mutex
	asks map[*byte]int
}

func (a *prophet) Ahead(worker int) Ahead {
	return Ahead{a.next[worker], func(p *byte, n int) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.asks[p] += n
	}}
}

// A worker that waits asks for each line of what it reads next, once, and for no more.
func TestWorkersAskAhead(t *testing.T) {
	const lines = 20
	p := New(2)
	a := &prophet{asks: map[*byte]int{}}
	for i := range a.next {
		a.next[i] = make([]byte, lines*lineBytes+1)
	}
	p.Run(a, 2)
	if !a.had[1].Load() {
		t.Skip("the worker came too late")
	}
	p.Run(&a.team, 2) // which knows of nothing ahead
	waitParked(t, "await", 1, "after the runs")
	p.Close()
	for i := range lines {
		if n := a.asks[&a.next[1][i*lineBytes]]; n != lineBytes {
			t.Errorf("line %d: asked for %d bytes, want %d", i, n, lineBytes)
		}
	}
	if n := a.asks[&a.next[1][lines*lineBytes]]; n != 0 {
		t.Errorf("asked for %d bytes beyond the last line", n)
	}
	if w := &p.workers[0]; w.ahead.Data != nil {
		t.Error("a parked worker keeps memory from the collector")
	}
}
