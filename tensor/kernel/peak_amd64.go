//go:build !purego

package kernel

import "slices"

//go:generate sh -c "cd gen && go run ./peak -out ../peak_amd64.s -stubs ../peak_stubs_amd64.go -pkg kernel"

var peaksAVX2 = []Peak{
	{Kind: "f32", By: "FMA of 256 bits", perTurn: 2 * 12 * 8, loop: peakFMAAVX2},
	{Kind: "int8", By: "pairs of products in 16 bits, 256 bits wide", perTurn: 2 * 8 * 32, loop: peakDotAVX2},
}

var peaksAVX512 = []Peak{
	{Kind: "f32", By: "FMA of 512 bits", perTurn: 2 * 12 * 16, loop: peakFMA512},
	{Kind: "int8", By: "VNNI of 512 bits", perTurn: 2 * 12 * 64, loop: peakDotVNNI},
}

var peaksBF16 = slices.Concat(peaksAVX512, []Peak{
	{Kind: "bf16", By: "dot products of 512 bits", perTurn: 2 * 12 * 32, loop: peakPairsBF16},
})

// Tiles multiply 16 rows by 16 columns at once.
var peaksAMX = []Peak{
	peaksAVX512[0],
	{Kind: "int8", By: "tiles of AMX", perTurn: 2 * 6 * 16 * 16 * 64, loop: peakBytesAMX},
	{Kind: "bf16", By: "tiles of AMX", perTurn: 2 * 6 * 16 * 16 * 32, loop: peakPairsAMX},
}

func readMemoryAVX2(p []float32) bool { return len(p) == 0 || maximumAVX2(p) <= 0 }
