package op

import (
	"strings"
	"time"
)

// A Profile adds up where the time of a tape's passes goes, forward and
// backward. An operation's time runs from the end of the one before it to its
// own end, so that no time is left out; what happens between a pass's last
// operation and the tape's reset counts as [Outside], but for what [Tape.Charge]
// names.
type Profile struct {
	spent map[Spender]Spent
	last  time.Time
}

// Spent is the time of a spender, and what that had to do meanwhile.
type Spent struct {
	Time time.Duration
	Cost
}

// A Spender is an operation, as its node names it, or, where it multiplies by a
// weight, one kind of weight: Weight is ffn_up for blk.3.ffn_up.weight. Products that
// are one task are one spender, and their weights are joined: ffn_gate+ffn_up. Back
// says that it ran backward.
type Spender struct {
	Op, Weight string
	Back       bool
}

// Outside is the Op of time outside of a tape: choosing tokens, for instance.
const Outside = "outside"

// Start forgets what was added up. The clock runs from now on.
func (p *Profile) Start() { p.spent, p.last = map[Spender]Spent{}, time.Now() }

// Stop adds the time since the last operation to [Outside], and returns all.
func (p *Profile) Stop() map[Spender]Spent {
	p.lap(Spender{Op: Outside}, Cost{})
	return p.spent
}

func (p *Profile) lap(s Spender, c Cost) {
	now := time.Now()
	x := p.spent[s]
	p.spent[s] = Spent{x.Time + now.Sub(p.last), x.Plus(c)}
	p.last = now
}

// Charge makes the time since the last operation that of op, which is no
// operation of the tape's, in its profile if it has one.
func (t *Tape) Charge(op string) {
	if t.Profile != nil {
		t.Profile.lap(Spender{Op: op}, Cost{})
	}
}

// ran makes the time since the last operation that of n.
func (t *Tape) ran(n Node, back bool) {
	if t.Profile == nil {
		return
	}
	s, c := Spender{Op: n.Op(), Back: back}, Cost{}
	if n, ok := n.(costly); ok {
		weights, forwards := n.work()
		s.Weight = kinds(weights)
		if !back {
			c = forwards
		}
	}
	t.Profile.lap(s, c)
}

// kinds joins what weights are to their block: ffn_gate+ffn_up.
func kinds(weights []*Weight) string {
	var out []string
	for _, w := range weights {
		name := strings.TrimSuffix(w.Name, ".weight")
		out = append(out, name[strings.LastIndexByte(name, '.')+1:])
	}
	return strings.Join(out, "+")
}
