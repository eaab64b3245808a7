package train

import (
	"context"

	"limbeck/model/arch"
	"limbeck/nn/op"
)

// sweepTokens is how many tokens a sweep runs at once.
const sweepTokens = 1024

// Sweep runs m over all tokens of set on a tape that does not record, for those
// who listen to its taps. before is called with every batch before it runs, progress
// after it with the sequences done and all there are; both may be nil. The only error is
// that of ctx, between batches.
func Sweep(ctx context.Context, t *op.Tape, m arch.Model, set []Sequence, before func(op.Batch), progress func(done, total int)) error {
	for i := 0; i < len(set); {
		if err := ctx.Err(); err != nil {
			return err
		}
		var b op.Batch
		for len(b.Seqs) == 0 || i < len(set) && len(b.IDs)+len(set[i].IDs) <= sweepTokens {
			b.IDs = append(b.IDs, set[i].IDs...)
			b.Seqs = append(b.Seqs, op.Seq{Len: len(set[i].IDs)})
			i++
		}
		if before != nil {
			before(b)
		}
		t.Reset()
		m.Forward(t, b)
		if progress != nil {
			progress(i, len(set))
		}
	}
	return nil
}
