//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

//go:generate sh -c "cd gen && go run ./peak -out ../peak_amd64.s -stubs ../peak_stubs_amd64.go -pkg kernel"

var _ = follow(func(t tier) {
	readMemory = readMemoryGeneric
	if t >= tierAVX2 {
		readMemory = func(p []float32) bool { return len(p) == 0 || maximumAVX2(p) <= 0 }
	}
	switch {
	case t >= tierAVX512:
		peaks = []Peak{
			{Kind: "f32", By: "FMA of 512 bits", perTurn: 2 * 12 * 16, loop: peakFMA512},
			{Kind: "int8", By: "VNNI of 512 bits", perTurn: 2 * 12 * 64, loop: peakDotVNNI},
		}
		if cpu.X86.HasAVX512BF16 {
			peaks = append(peaks, Peak{Kind: "bf16", By: "dot products of 512 bits", perTurn: 2 * 12 * 32, loop: peakPairsAVX512})
		}
	case t >= tierAVX2:
		peaks = []Peak{
			{Kind: "f32", By: "FMA of 256 bits", perTurn: 2 * 12 * 8, loop: peakFMAAVX2},
			{Kind: "int8", By: "pairs of products in 16 bits, 256 bits wide", perTurn: 2 * 8 * 32, loop: peakDotAVX2},
		}
	default:
		peaks = genericPeaks
	}
})

// missing returns what this processor lacks for the tier t.
func missing(t tier) []string {
	var names []string
	need := func(has bool, name string) {
		if !has {
			names = append(names, name)
		}
	}
	x := &cpu.X86
	switch t {
	case tierAVX2:
		need(x.HasAVX2, "AVX2")
		need(x.HasFMA, "FMA")
		need(x.HasF16C, "F16C")
	case tierAVX512:
		need(x.HasAVX512F, "AVX-512 F")
		need(x.HasAVX512BW, "BW")
		need(x.HasAVX512DQ, "DQ")
		need(x.HasAVX512VL, "VL")
		need(x.HasAVX512VNNI, "VNNI")
	}
	return names
}
