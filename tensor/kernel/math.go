package kernel

import "golang.org/x/sys/cpu"

// MathFuses reports whether Go's own math.Exp fuses products into sums because this
// processor can. It then gives other bits than where it cannot, in whatever tier: Go's
// math/exp_amd64.go asks for the same.
func MathFuses() bool { return cpu.X86.HasAVX && cpu.X86.HasFMA }
