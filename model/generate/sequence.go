package generate

import (
	"slices"

	"limbeck/nn/op"
	"limbeck/tensor/kernel"
)

// A sequence is a cache and the tokens in it.
type sequence struct {
	kv     *op.KV
	tokens []int   // that kv holds, and after them those that it is going to hold
	bytes  int     // that kv may take
	row    *writer // whose sequence it is; nil if that has left
}

// unread returns the tokens that kv does not hold yet.
func (s *sequence) unread() []int { return s.tokens[s.kv.Len():] }

const (
	// worthWaiting is how many tokens a row must be spared to wait until another
	// row has read them.
	worthWaiting = 32

	// shortTail is how much of a finished sequence may be lost to the next that
	// continues it, so that it need not be copied: what ends a turn is often not
	// how the next begins.
	shortTail = 16
)

// match returns the sequence that spares a prompt the most reading, and how many
// tokens that are. The prompt's last token is read in any case: it predicts the
// reply's first.
func (b *batch) match(prompt []int) (best *sequence, share int) {
	for _, s := range b.seqs {
		n := common(s.tokens, prompt[:len(prompt)-1])
		if have := s.kv.Len(); n < have+worthWaiting {
			n = min(n, have)
		}
		if n > share {
			best, share = s, n
		}
	}
	return best, share
}

// common returns the length of what both begin with.
func common(a, b []int) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// place gives w a sequence: a finished one that its prompt continues, or a new
// one. It reports whether the rows leave memory for that. Caches take at once what the
// prompt needs, and grow to what is counted here.
func (b *batch) place(w *writer) bool {
	room := len(w.Prompt) + w.limit
	s := &sequence{kv: b.r.NewKV(b.context)} // which takes no memory yet
	s.kv.SetCapacity(room)
	need := s.kv.MaxBytes()
	if need > b.Memory-b.bytes(func(s *sequence) bool { return s.row != nil }) {
		return false
	}
	best, share := b.match(w.Prompt)
	from, lead := b.clear(best, share, need)
	if from != nil {
		s = from
	}
	switch {
	case s == best:
		w.reply.CachedTokens = share
	case lead != nil:
		w.lead, w.share = lead, share
	}
	s.kv.Truncate(w.reply.CachedTokens)
	s.kv.SetCapacity(room)
	s.kv.Reserve(len(w.Prompt))
	s.row, s.bytes = w, s.kv.MaxBytes()
	s.tokens = append(slices.Grow(s.tokens[:0], len(w.Prompt)+w.expected()), w.Prompt...)
	w.seq = s
	b.seqs = append(b.seqs, s)
	return true
}

// spare returns a sequence that holds nothing, for its memory; nil if there is none.
func (b *batch) spare() *sequence {
	for _, s := range b.seqs {
		if s.row == nil && len(s.tokens) == 0 {
			return s
		}
	}
	return nil
}

// left forgets what sequences without a row hold, and returns them.
func (b *batch) left() (left []*sequence) {
	for _, s := range b.seqs {
		if s.row == nil {
			s.tokens = s.tokens[:0]
			s.kv.Truncate(0)
			left = append(left, s)
		}
	}
	return left
}

// clear lets the least recently used sequences go until there is room for one of
// need bytes, of which best, if not nil, spares share tokens. It returns one that
// the new sequence takes over, best or another for its memory, and best if that is
// only copied from; nil if there is none.
func (b *batch) clear(best *sequence, share, need int) (from, lead *sequence) {
	if lead = best; best != nil && best.row == nil && best.kv.Len()-share < shortTail {
		from, lead = best, nil
	} else {
		from = b.spare()
	}
	if from != nil {
		b.drop(from)
	}
	for !b.fits(from, need) {
		victim := b.oldest(lead)
		switch {
		case victim == nil: // lead is the only one left that can go
			if from != nil {
				from.kv.Release()
			}
			victim, from, lead = lead, lead, nil
		case from == nil:
			from = victim
		default:
			victim.kv.Release()
		}
		b.drop(victim)
	}
	return from, lead
}

// fits reports whether there is room for a sequence of need bytes that takes over
// another's memory, if from is not nil.
func (b *batch) fits(from *sequence, need int) bool {
	if from != nil {
		need = max(need, from.bytes)
	}
	return need <= b.Memory-b.bytes(func(*sequence) bool { return true }) && len(b.seqs) < b.most
}

// bytes returns what the sequences that are of a kind may take.
func (b *batch) bytes(of func(*sequence) bool) int {
	n := 0
	for _, s := range b.seqs {
		if of(s) {
			n += s.bytes
		}
	}
	return n
}

// oldest returns the least recently used sequence that has no row and is not
// spared; nil if there is none.
func (b *batch) oldest(spared *sequence) *sequence {
	for _, s := range b.seqs {
		if s.row == nil && s != spared {
			return s
		}
	}
	return nil
}

// drop takes s out, whose cache another takes over or is released.
func (b *batch) drop(s *sequence) {
	i := slices.Index(b.seqs, s)
	b.seqs = slices.Delete(b.seqs, i, i+1)
}

// release lets go of all sequences, also those of rows, which must not go on.
func (b *batch) release() {
	release(b.seqs)
	b.seqs = nil
}

// release gives back the memory of sequences that nobody uses any more.
func release(seqs []*sequence) {
	for _, s := range seqs {
		s.kv.Release()
	}
}

// follow copies what w's prompt shares with its lead, once that has read it or
// will read no more.
func (w *writer) follow() {
	l := w.lead
	if l == nil || w.done || l.kv.Len() < w.share && l.row != nil && !l.row.done {
		return
	}
	n := min(w.share, l.kv.Len())
	w.seq.kv.CopyFrom(l.kv, n)
	w.reply.CachedTokens = n
	w.lead = nil
}

// keep holds on to the sequence of a row that leaves, as the most recently used
// one, unless another has all of it. What it has all of itself goes.
func (b *batch) keep(s *sequence) {
	b.drop(s)
	s.row = nil
	s.tokens = slices.Clone(s.tokens[:s.kv.Len()]) // without what the reply might have become
	s.bytes = s.kv.Bytes()
	if len(s.tokens) == 0 {
		s.kv.Release()
		return
	}
	for i := 0; i < len(b.seqs); i++ {
		other := b.seqs[i]
		if other.row != nil || len(other.tokens) == 0 {
			continue
		}
		switch common(other.tokens, s.tokens) {
		case len(s.tokens):
			b.drop(other)
			b.seqs = append(b.seqs, other)
			s.kv.Release()
			return
		case len(other.tokens):
			b.drop(other)
			other.kv.Release()
			i--
		}
	}
	b.seqs = append(b.seqs, s)
}

// positions returns how many positions a cache of that many bytes holds, in whole strips.
func (r *Runner) positions(bytes int) int {
	const w = kernel.PanelWidth
	return bytes / r.NewKV(w).MaxBytes() * w
}
