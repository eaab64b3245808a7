package train

import (
	"fmt"
	"math"
)

// Schedules of the learning rate after warm-up.
const (
	Cosine   = "cosine"
	Linear   = "linear"
	Constant = "constant"
)

// rate returns the learning rate of step i, counted from 0, of n: it rises
// linearly over the warm-up steps, reaching LR at the last of them, then falls
// by schedule, reaching LR·FinalLR at the last step.
func (o *Options) rate(i, n int) float64 {
	if i < o.Warmup {
		return o.LR * float64(i+1) / float64(o.Warmup)
	}
	x := float64(i+1-o.Warmup) / float64(max(n-o.Warmup, 1))
	switch o.Schedule {
	case Constant:
		return o.LR
	case Linear:
		return o.LR * (1 - (1-o.FinalLR)*x)
	case Cosine:
		return o.LR * (o.FinalLR + (1-o.FinalLR)*(1+math.Cos(math.Pi*x))/2)
	}
	panic(fmt.Sprintf("train: schedule %q", o.Schedule))
}
