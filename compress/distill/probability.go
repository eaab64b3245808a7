package distill

import "math"

// leastLog stands for the logarithm of a probability that rounded to 0.
const leastLog = -100

func logOf(p float64) float64 { return max(math.Log(p), leastLog) }
