package distill

import (
	"math"

	"limbeck/nn/op"
	"limbeck/tensor/kernel"
)

// A Target is a teacher's distribution over the next token at one row, at the
// temperature of the loss: the probabilities of some tokens, and of all others
// together. As a coarser partition of the tokens has a smaller divergence, a
// loss against it never exceeds the one against the whole distribution.
type Target struct {
	IDs  []int32   // ascending; nil: every token of the student's, in order
	LogP []float32 // natural logarithms, by place in IDs
	Tail float64   // probability of the tokens that IDs lacks
}

// leastTail keeps the tail's logarithm finite where rounding has eaten it.
const leastTail = 1e-9

// A response is what a loss on soft labels knows of one row: the student's
// distribution q at temperature T, seen through the target's partition.
type response struct {
	logits  []float32
	block   []float32 // memory: see blocks
	t, lse  float64
	tailQ   float64 // the student's probability of the target's tail
	tailLog float64 // ln(tailP / tailQ)
}

func respond(logits []float32, p *Target, temperature float64, block []float32) response {
	r := response{logits: logits, block: block, t: temperature, lse: logSumExp(logits, temperature, block)}
	if p.IDs != nil {
		rest := 1.0
		for _, id := range p.IDs {
			rest -= math.Exp(r.logQ(int(id)))
		}
		r.tailQ = math.Max(rest, leastTail)
		r.tailLog = math.Log(math.Max(p.Tail, leastTail) / r.tailQ)
	}
	return r
}

func (r *response) logQ(id int) float64 { return float64(r.logits[id])/r.t - r.lse }

// logSumExp returns ln Σ exp(x/t).
func logSumExp(x []float32, t float64, block []float32) float64 {
	if t == 1 {
		return float64(kernel.LogSumExp(x))
	}
	greatest := kernel.Max(x)
	var sum float64
	exponentials(x, block, func(_ int, b []float32) {
		sum += float64(kernel.Sum(b))
	}, greatest, float32(1/t))
	return float64(greatest)/t + math.Log(sum)
}

// addSoftmax adds a·q to y.
func (r *response) addSoftmax(y []float32, a float64) {
	if r.t == 1 {
		kernel.AddSoftmax(y, r.logits, float32(r.lse), float32(a))
		return
	}
	exponentials(r.logits, r.block, func(at int, b []float32) {
		kernel.Axpy(float32(a), b, y[at:at+len(b)])
	}, float32(r.lse*r.t), float32(1/r.t))
}

// blocks are memory for exponentials at temperatures other than 1: blockFloats
// for each of the rows that [op.HeadLoss] takes at once.
type blocks []float32

const blockFloats = 256

func newBlocks() blocks { return make(blocks, op.MaxHeadRows*blockFloats) }

func (b blocks) of(row int) []float32 { return b[row%op.MaxHeadRows*blockFloats:][:blockFloats] }

// exponentials calls f with exp((x − shift)·scale), as many elements at a time as
// block holds.
func exponentials(x, block []float32, f func(at int, b []float32), shift, scale float32) {
	for at := 0; at < len(x); at += len(block) {
		b := block[:min(len(block), len(x)-at)]
		for i := range b {
			b[i] = (x[at+i] - shift) * scale
		}
		kernel.Exp(b, b)
		f(at, b)
	}
}
