//go:build !purego

package kernel

import (
	"slices"

	"golang.org/x/sys/cpu"
)

// tierBF16 is AVX-512 BF16, where it is faster than FMA.
var tierBF16 = define("avx512bf16", definition{
	needs: func() []need {
		x := &cpu.X86
		return []need{
			{"BF16", x.HasAVX512BF16},
			// Beside AMX, which is Intel's, dot products take twice as long as FMAs of as
			// many elements: the tier is but a step to that of tiles, which need its rounding.
			{"BF16 that is faster than FMA", !x.HasAVX512BF16 || !x.HasAMXBF16 || tilesPermitted()},
		}
	},
	use: useBF16,
})

// useBF16 replaces what multiplies pairs of bf16.
func useBF16() {
	peaks = peaksBF16
	pairVectors, pairRuns = pairVectorsFast, pairRunsFast
	pairColumn, pairHalves, pairTurned = pairColumnFast, pairHalvesFast, pairTurnedFast
	pairAlong, mulPairs, mulPairsTwice, fastPairs = pairAlongBF16, mulPairsBF16, mulPairsTwiceBF16, true
	mulPairStrips = mulPairStripsBF16
}

var peaksBF16 = slices.Concat(peaksAVX512, []Peak{
	{Kind: "bf16", By: "dot products of 512 bits", perTurn: 2 * 12 * 32, loop: peakPairsBF16},
})
