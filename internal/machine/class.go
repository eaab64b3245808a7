package machine

import (
	"runtime"

	"limbeck/tensor/kernel"
)

// Class names the machines on which equal work gives equal bytes: architecture, build
// and tier of kernels, as "amd64/avx2". Steps' keys hold it: a class that changes has
// them made again.
func Class() string { return classOf(kernel.Tier(), kernel.MathFuses()) }

// FastBF16 reports whether machines of this class multiply bf16 faster than f32. Where
// they do not, trainings in bf16 compute in f32.
func FastBF16() bool { return kernel.FastPairs() }

// classOf is Class of a tier, where Go's own exp takes x86's FMA or does not: it does where
// that is there, which all tiers but the lowest ask for.
func classOf(tier string, fma bool) string {
	class := runtime.GOARCH + fused + "/" + tier
	if fma && tier == kernel.Tiers()[0] {
		class += "+fma"
	}
	return class
}
