//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// tierAVX512 is AVX-512 F, BW, DQ, VL and VNNI, and BMI2.
var tierAVX512 = define("avx512", definition{
	needs: func() []need {
		x := &cpu.X86
		return []need{
			{"AVX-512 F", x.HasAVX512F}, {"BW", x.HasAVX512BW}, {"DQ", x.HasAVX512DQ}, {"VL", x.HasAVX512VL},
			{"VNNI", x.HasAVX512VNNI}, {"BMI2", x.HasBMI2},
		}
	},
	use: useAVX512,
})

// useAVX512 replaces what is faster with AVX-512; the rest stays with AVX2.
func useAVX512() {
	peaks = peaksAVX512
	mulPanel, mulPanelTwice = mulPanelAVX512, mulPanelTwiceAVX512
	expToMax, expMaxRows = expToMaxAVX512, expMaxRowsFast
	sumExp, addSoftmax = sumExpAVX512, addSoftmaxAVX512
	ropeScaled = ropeScaledFast
	swiGLU, swiGLUGrad = swiGLUAVX512, swiGLUGradAVX512
	highAhead = 0
	if cpu.X86.HasAVXVNNI {
		highAhead = farAhead
	}
	useStripsAVX512()
	useTilesAVX512()
}

// useStripsAVX512 sets what formats of caches have.
func useStripsAVX512() {
	F16Strip.fast = stripTiles{
		one:  []stripTile{mulF16Rows1x1AVX512, mulF16Rows2x1AVX512, mulF16Rows3x1AVX512, mulF16Rows4x1AVX512, mulF16Rows5x1AVX512, mulF16Rows6x1AVX512},
		wide: []stripTile{mulF16Rows1x4AVX512, mulF16Rows2x4AVX512, mulF16Rows3x4AVX512, mulF16Rows4x4AVX512, mulF16Rows5x4AVX512, mulF16Rows6x4AVX512}, many: 4,
		decode: decodeF16StripAVX512,
	}
	Q8_0Strip.fast = stripTiles{
		one:  []stripTile{mulQ8_0Rows1x1AVX512, mulQ8_0Rows2x1AVX512, mulQ8_0Rows3x1AVX512, mulQ8_0Rows4x1AVX512, mulQ8_0Rows5x1AVX512, mulQ8_0Rows6x1AVX512},
		wide: []stripTile{mulQ8_0Rows1x2AVX512, mulQ8_0Rows2x2AVX512, mulQ8_0Rows3x2AVX512, mulQ8_0Rows4x2AVX512, mulQ8_0Rows5x2AVX512, mulQ8_0Rows6x2AVX512}, many: 2,
		decode: decodeQ8_0StripAVX512,
	}
	Q4_0Strip.fast = stripTiles{
		one:  []stripTile{mulQ4_0Rows1x1AVX512, mulQ4_0Rows2x1AVX512, mulQ4_0Rows3x1AVX512, mulQ4_0Rows4x1AVX512, mulQ4_0Rows5x1AVX512, mulQ4_0Rows6x1AVX512},
		wide: []stripTile{mulQ4_0Rows1x2AVX512, mulQ4_0Rows2x2AVX512, mulQ4_0Rows3x2AVX512, mulQ4_0Rows4x2AVX512, mulQ4_0Rows5x2AVX512, mulQ4_0Rows6x2AVX512}, many: 2,
		decode: decodeQ4_0StripAVX512,
	}
}

// useTilesAVX512 sets what packed layouts have.
func useTilesAVX512() {
	f16x16.asm.tileSet = tileSet{few: &tiles{1: f16x16v1, f16x16v2, f16x16v3, f16x16v4, f16x16v5, f16x16v6, f16x16v7, f16x16v8}}
	bf16x16.asm.tileSet = tileSet{few: &tiles{1: bf16x16v1, bf16x16v2, bf16x16v3, bf16x16v4, bf16x16v5, bf16x16v6, bf16x16v7, bf16x16v8}}
	q8_0x16.asm.tileSet = tileSet{few: &tiles{1: q8_0x16v1, q8_0x16v2, q8_0x16v3, q8_0x16v4, q8_0x16v5, q8_0x16v6, q8_0x16v7, q8_0x16v8}, pairs: &tiles{4: q8_0x32v4, q8_0x32v5}}
	q4_0x16.asm.tileSet = tileSet{few: &tiles{1: q4_0x16v1, q4_0x16v2, q4_0x16v3, q4_0x16v4, q4_0x16v5, q4_0x16v6, q4_0x16v7, q4_0x16v8}, pairs: &tiles{4: q4_0x32v4, q4_0x32v5}}
	q4_1x16.asm.tileSet = tileSet{few: &tiles{1: q4_1x16v1, q4_1x16v2, q4_1x16v3, q4_1x16v4, q4_1x16v5, q4_1x16v6, q4_1x16v7, q4_1x16v8}, pairs: &tiles{4: q4_1x32v4, q4_1x32v5}}
	q5_0x16.asm.tileSet = tileSet{few: &tiles{1: q5_0x16v1, q5_0x16v2, q5_0x16v3, q5_0x16v4, q5_0x16v5, q5_0x16v6, q5_0x16v7, q5_0x16v8}, pairs: &tiles{4: q5_0x32v4, q5_0x32v5}}
	q5_1x16.asm.tileSet = tileSet{few: &tiles{1: q5_1x16v1, q5_1x16v2, q5_1x16v3, q5_1x16v4, q5_1x16v5, q5_1x16v6, q5_1x16v7, q5_1x16v8}, pairs: &tiles{4: q5_1x32v4, q5_1x32v5}}
	iq4_nlx16.asm.tileSet = tileSet{few: &tiles{1: iq4_nlx16v1, iq4_nlx16v2, iq4_nlx16v3, iq4_nlx16v4, iq4_nlx16v5, iq4_nlx16v6, iq4_nlx16v7, iq4_nlx16v8}, pairs: &tiles{4: iq4_nlx32v4, iq4_nlx32v5}}
	mxfp4x16.asm.tileSet = tileSet{few: &tiles{1: mxfp4x16v1, mxfp4x16v2, mxfp4x16v3, mxfp4x16v4, mxfp4x16v5, mxfp4x16v6, mxfp4x16v7, mxfp4x16v8}, pairs: &tiles{4: mxfp4x32v4, mxfp4x32v5}}
	q2_kx16.asm.tileSet = tileSet{few: &tiles{1: q2_kx16v1, q2_kx16v2, q2_kx16v3, q2_kx16v4, q2_kx16v5, q2_kx16v6, q2_kx16v7, q2_kx16v8}}
	q3_kx16.asm.tileSet = tileSet{few: &tiles{1: q3_kx16v1, q3_kx16v2, q3_kx16v3, q3_kx16v4, q3_kx16v5, q3_kx16v6, q3_kx16v7, q3_kx16v8}}
	q4_kx16.asm.tileSet = tileSet{few: &tiles{1: q4_kx16v1, q4_kx16v2, q4_kx16v3, q4_kx16v4, q4_kx16v5, q4_kx16v6, q4_kx16v7, q4_kx16v8}}
	q5_kx16.asm.tileSet = tileSet{few: &tiles{1: q5_kx16v1, q5_kx16v2, q5_kx16v3, q5_kx16v4, q5_kx16v5, q5_kx16v6, q5_kx16v7, q5_kx16v8}}
	q6_kx16.asm.tileSet = tileSet{few: &tiles{1: q6_kx16v1, q6_kx16v2, q6_kx16v3, q6_kx16v4, q6_kx16v5, q6_kx16v6, q6_kx16v7, q6_kx16v8}}
	iq4_xsx16.asm.tileSet = tileSet{few: &tiles{1: iq4_xsx16v1, iq4_xsx16v2, iq4_xsx16v3, iq4_xsx16v4, iq4_xsx16v5, iq4_xsx16v6, iq4_xsx16v7, iq4_xsx16v8}}
}

var peaksAVX512 = []Peak{
	{Kind: "f32", By: "FMA of 512 bits", perTurn: 2 * 12 * 16, loop: peakFMA512},
	{Kind: "int8", By: "VNNI of 512 bits", perTurn: 2 * 12 * 64, loop: peakDotVNNI},
}
