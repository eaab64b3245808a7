package op

// A Batch is the tokens of one or more sequences, one sequence after another.
type Batch struct {
	IDs  []int
	Seqs []Seq

	// Rows are the tokens whose hidden states are wanted, ascending, each once;
	// nil: all. After the last layer's attention nothing is computed for the others.
	Rows []int
}

// A Seq is a run of Len tokens of one sequence. With a KV it continues what the
// KV holds, and attends to it; without, it starts at position 0.
type Seq struct {
	Len int
	KV  *KV
}

// One returns the batch of one sequence.
func One(ids []int, kv *KV) Batch { return Batch{IDs: ids, Seqs: []Seq{{len(ids), kv}}} }

// Add appends a sequence that starts at position 0, but for its last token, which
// predicts nothing. Its rows are the tokens that predict those from position from
// on; from is at least 1.
func (b *Batch) Add(ids []int, from int) {
	for p := from; p < len(ids); p++ {
		b.Rows = append(b.Rows, len(b.IDs)+p-1)
	}
	b.IDs = append(b.IDs, ids[:len(ids)-1]...)
	b.Seqs = append(b.Seqs, Seq{Len: len(ids) - 1})
}

// Wanted returns those of x's rows, one a token, that are wanted.
func (b Batch) Wanted(t *Tape, x *Value) *Value {
	if b.Rows == nil || len(b.Rows) == x.Rows {
		return x
	}
	return Rows(t, x, b.Rows)
}

// past returns how many positions precede the run.
func (s Seq) past() int {
	if s.KV == nil {
		return 0
	}
	return s.KV.n
}

// Advance makes the batch's tokens part of what the caches hold. A model calls
// it once all layers have run.
func (b Batch) Advance() {
	for _, s := range b.Seqs {
		if s.KV != nil {
			s.KV.n += s.Len
		}
	}
}
