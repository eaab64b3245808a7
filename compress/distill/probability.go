package distill

import "math"

// leastLog stands for the logarithm of a probability that rounded to 0.
const leastLog = -100

func logOf(p float64) float64 { return max(math.Log(p), leastLog) }

// addProbabilities adds share·exp(logP) to sum, which it makes if nil.
func addProbabilities(sum []float64, logP []float32, share float64) []float64 {
	if sum == nil {
		sum = make([]float64, len(logP))
	}
	for i, l := range logP {
		sum[i] += share * math.Exp(float64(l))
	}
	return sum
}
