package par

import "testing"

type idleTask struct{}

func (idleTask) Do(_, _ int) {}

func TestWatch(t *testing.T) {
	for _, threads := range []int{1, 2} {
		p := New(threads)
		p.Run(idleTask{}, 5) // not watched yet
		p.Watch()
		if runs, work := p.Spent(); runs != 0 || work != 0 {
			t.Errorf("%d threads: %v, %v before the first run", threads, runs, work)
		}
		for range 10 {
			p.Run(idleTask{}, 5)
			p.Run(idleTask{}, 1)
		}
		if runs, work := p.Spent(); runs <= 0 || work <= 0 {
			t.Errorf("%d threads: %v in runs, %v at work", threads, runs, work)
		}
		p.Close()
	}
}
