package op

import "limbeck/tensor/kernel"

// CrossEntropy is the loss −weight·ln softmax(logits)[Targets[row]] of hard
// labels. Its gradient by the logits is weight·(softmax(logits) − onehot).
type CrossEntropy struct {
	Targets []int
	Weight  float32 // 1/rows for the mean
}

// Loss implements [RowLoss].
func (c *CrossEntropy) Loss(row int, logits, grad []float32) float64 {
	target := c.Targets[row]
	lse := kernel.LogSumExp(logits)
	if grad != nil {
		kernel.AddSoftmax(grad, logits, lse, c.Weight)
		grad[target] -= c.Weight
	}
	return float64(c.Weight) * (float64(lse) - float64(logits[target]))
}
