package generate

import (
	"slices"

	"limbeck/model/arch"
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
// one, for which the least recently used go. It reports whether the rows leave
// memory for that. Caches grow to what is counted here: they take less, but for a
// layer's while it grows.
func (b *batch) place(w *writer) bool {
	room := len(w.Prompt) + w.limit
	fresh := &sequence{kv: b.r.Model.Config().NewKV(room)}
	need, rows, all := fresh.kv.MaxBytes(), 0, 0
	for _, s := range b.seqs {
		all += s.bytes
		if s.row != nil {
			rows += s.bytes
		}
	}
	if need > b.Memory-rows {
		return false
	}
	best, share := b.match(w.Prompt)
	take := best != nil && best.row == nil && best.kv.Len()-share < shortTail
	grown := func() (bytes, count int) {
		if take {
			return all + max(0, need-best.bytes), len(b.seqs)
		}
		return all + need, len(b.seqs) + 1
	}
	for bytes, count := grown(); bytes > b.Memory || count > b.most; bytes, count = grown() {
		victim := b.oldest(best)
		switch {
		case victim == nil: // best is the only one left to go
			take = true
		case best == nil: // its memory can serve
			best, take = victim, true
		default:
			all -= victim.bytes
			b.drop(victim)
		}
	}
	if take {
		b.drop(best)
		fresh = best
		fresh.kv.Truncate(share)
		fresh.kv.SetCap(room)
		w.reply.CachedTokens = share
	} else if best != nil {
		w.lead, w.share = best, share
	}
	fresh.row, fresh.bytes = w, fresh.kv.MaxBytes()
	fresh.tokens = append(slices.Grow(fresh.tokens[:0], len(w.Prompt)+min(w.limit, atOnce)), w.Prompt...)
	w.seq = fresh
	b.seqs = append(b.seqs, fresh)
	return true
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

func (b *batch) drop(s *sequence) {
	i := slices.Index(b.seqs, s)
	b.seqs = slices.Delete(b.seqs, i, i+1)
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
	s.tokens = s.tokens[:s.kv.Len()]
	s.kv.SetCap(s.kv.Len())
	s.bytes = s.kv.MaxBytes()
	if len(s.tokens) == 0 {
		return
	}
	for i := 0; i < len(b.seqs); i++ {
		other := b.seqs[i]
		if other.row != nil {
			continue
		}
		switch common(other.tokens, s.tokens) {
		case len(s.tokens):
			b.drop(other)
			b.seqs = append(b.seqs, other)
			return
		case len(other.tokens):
			b.drop(other)
			i--
		}
	}
	b.seqs = append(b.seqs, s)
}

// positions returns how many positions a cache of that many bytes holds.
func positions(c arch.Config, bytes int) int {
	const w = kernel.PanelWidth // caches grow by as many
	return bytes / c.NewKV(w).MaxBytes() * w
}
