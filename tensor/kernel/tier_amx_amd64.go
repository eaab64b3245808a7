//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// tierAMX is tiles of AMX, for int8 and bf16.
var tierAMX = define("amx", definition{
	needs: func() []need {
		x := &cpu.X86
		return []need{
			{"AMX", x.HasAMXTile}, {"its BF16", x.HasAMXBF16}, {"its INT8", x.HasAMXInt8},
			{"a system that permits AMX", !x.HasAMXTile || tilesPermitted()},
		}
	},
	use: useAMX,
})

// useAMX replaces what tiles multiply.
func useAMX() {
	peaks = peaksAMX
	mulPairBlocks, mulPairStrips, longPairs = mulPairBlocksAMX, mulPairStripsTiled, true
	pairCuts, leastPairs = cutsOfTiles, leastPairsOfTiles
	useTilesAMX()
}

// useTilesAMX sets what packed layouts have.
func useTilesAMX() {
	q8_0x16.asm.crowd = q8_0x16AMX
	q4_0x16.asm.crowd = q4_0x16AMX
	q4_1x16.asm.crowd = q4_1x16AMX
	q5_0x16.asm.crowd = q5_0x16AMX
	q5_1x16.asm.crowd = q5_1x16AMX
	iq4_nlx16.asm.crowd = iq4_nlx16AMX
	mxfp4x16.asm.crowd = mxfp4x16AMX
	q2_kx16.asm.crowd = q2_kx16AMX
	q3_kx16.asm.crowd = q3_kx16AMX
	q4_kx16.asm.crowd = q4_kx16AMX
	q5_kx16.asm.crowd = q5_kx16AMX
	q6_kx16.asm.crowd = q6_kx16AMX
	iq4_xsx16.asm.crowd = iq4_xsx16AMX
}

// Tiles multiply 16 rows by 16 columns at once.
var peaksAMX = []Peak{
	peaksAVX512[0],
	{Kind: "int8", By: "tiles of AMX", perTurn: 2 * 6 * 16 * 16 * 64, loop: peakBytesAMX},
	{Kind: "bf16", By: "tiles of AMX", perTurn: 2 * 6 * 16 * 16 * 32, loop: peakPairsAMX},
}
