package distill

import (
	"math"

	"limbeck/nn/op"
	"limbeck/tensor/kernel"
)

// A target is a teacher's distribution over the next token at one row, at the
// temperature of the loss: the probabilities of some tokens, and of all others
// together. As a coarser partition of the tokens has a smaller divergence, a
// loss against it never exceeds the one against the whole distribution.
type target struct {
	IDs  []int32   // ascending; nil: every token of the student's, in order
	LogP []float32 // natural logarithms, by place in IDs
	Tail float64   // probability of the tokens that IDs lacks
}

// What tails are taken for at least, so that their logarithms are finite: a teacher's
// was left over by the probabilities beside it, which were rounded; a student's is
// summed up, and is 0 only where exponentials are.
const (
	leastTail  = 1e-9
	leastTailQ = 1e-30
)

// A response is what a loss on soft labels knows of one row: the student's
// distribution q at temperature T, seen through the target's partition.
type response struct {
	logits []float32
	block  []float32 // memory: see blocks
	ids    []int32   // of the target
	t, lse float64
	tailP  float64 // the target's probability of its tail; 0 if no token is in it
	tailQ  float64 // the student's; of a target without IDs, whose tail is all tokens, 1
}

// respond returns the student's response. The tail is summed over its own tokens: what
// the others leave of 1 would be noise where they take nearly all.
func respond(logits []float32, p *target, temperature float64, block []float32) response {
	r := response{logits: logits, block: block, ids: p.IDs, t: temperature}
	if p.IDs == nil {
		r.lse, r.tailQ = logSumExp(logits, temperature, block), 1
		return r
	}
	greatest := kernel.Max(logits)
	var tail, rest float64
	r.tail(func(lo, hi int) { tail += sumExp(logits[lo:hi], greatest, temperature, block) })
	for _, id := range p.IDs {
		rest += math.Exp(float64(logits[id]-greatest) / temperature)
	}
	r.lse = float64(greatest)/temperature + math.Log(tail+rest)
	r.tailQ = max(tail/(tail+rest), leastTailQ)
	if len(p.IDs) < len(logits) { // else it is what rounding left of 1
		r.tailP = p.Tail
	}
	return r
}

// tail calls f with the ranges of tokens that the target's IDs lack.
func (r *response) tail(f func(lo, hi int)) {
	lo := 0
	for _, id := range r.ids {
		if hi := int(id); lo < hi {
			f(lo, hi)
		}
		lo = int(id) + 1
	}
	if lo < len(r.logits) {
		f(lo, len(r.logits))
	}
}

func (r *response) logQ(id int) float64 { return float64(r.logits[id])/r.t - r.lse }

// logSumExp returns ln Σ exp(x/t).
func logSumExp(x []float32, t float64, block []float32) float64 {
	if t == 1 {
		return float64(kernel.LogSumExp(x))
	}
	greatest := kernel.Max(x)
	return float64(greatest)/t + math.Log(sumExp(x, greatest, t, block))
}

// sumExp returns Σ exp((x − shift)/t); no element exceeds shift.
func sumExp(x []float32, shift float32, t float64, block []float32) (sum float64) {
	if t == 1 {
		return kernel.SumExp(x, shift)
	}
	exponentials(x, block, func(_ int, b []float32) {
		sum += float64(kernel.Sum(b))
	}, shift, float32(1/t))
	return sum
}

// addSoftmax adds a·q to y of tokens lo to hi.
func (r *response) addSoftmax(y []float32, lo, hi int, a float64) {
	x := r.logits[lo:hi]
	y = y[lo:hi]
	if r.t == 1 {
		kernel.AddSoftmax(y, x, float32(r.lse), float32(a))
		return
	}
	exponentials(x, r.block, func(at int, b []float32) {
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
