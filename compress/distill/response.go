package distill

import (
	"math"

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
	t, lse  float64
	tailQ   float64 // the student's probability of the target's tail
	tailLog float64 // ln(tailP / tailQ)
}

func respond(logits []float32, p *Target, temperature float64) response {
	r := response{logits: logits, t: temperature, lse: logSumExp(logits, temperature)}
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
func logSumExp(x []float32, t float64) float64 {
	if t == 1 {
		return float64(kernel.LogSumExp(x))
	}
	greatest := kernel.Max(x)
	var sum float64
	blocks(x, func(_ int, b []float32) {
		sum += float64(kernel.Sum(b))
	}, greatest, float32(1/t))
	return float64(greatest)/t + math.Log(sum)
}

// addSoftmax adds a·softmax(x/t) to y, lse being logSumExp(x, t).
func addSoftmax(y, x []float32, t, lse, a float64) {
	if t == 1 {
		kernel.AddSoftmax(y, x, float32(lse), float32(a))
		return
	}
	blocks(x, func(at int, b []float32) {
		kernel.Axpy(float32(a), b, y[at:at+len(b)])
	}, float32(lse*t), float32(1/t))
}

// blocks calls f with exp((x − shift)·scale), some elements at a time.
func blocks(x []float32, f func(at int, b []float32), shift, scale float32) {
	var buf [256]float32
	for at := 0; at < len(x); at += len(buf) {
		b := buf[:min(len(buf), len(x)-at)]
		for i := range b {
			b[i] = (x[at+i] - shift) * scale
		}
		kernel.Exp(b, b)
		f(at, b)
	}
}
