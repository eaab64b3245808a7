//go:build !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// tierAVX2 is AVX2, FMA and F16C.
var tierAVX2 = define("avx2", definition{
	needs: func() []need {
		x := &cpu.X86
		return []need{{"AVX2", x.HasAVX2}, {"FMA", x.HasFMA}, {"F16C", x.HasF16C}}
	},
	use: useAVX2,
})

func useAVX2() {
	dot, axpy, blend, scale, add = dotAVX2, axpyAVX2, blendAVX2, scaleAVX2, addAVX2
	sum, sumSq, maximum = sumAVX2, sumSqAVX2, maximumAVX2
	exp, expSum, sumExp, addSoftmax = expAVX2, expSumAVX2, sumExpAVX2, addSoftmaxAVX2
	mulScaled, dot3, normGrad, addMul = mulScaledAVX2, dot3AVX2, normGradAVX2, addMulAVX2
	softmaxGrad = softmaxGradAVX2
	swiGLU, swiGLUGrad = swiGLUAVX2, swiGLUGradAVX2
	rope = ropeAVX2
	adamW = func(w, g, m, v []float32, c adamWConstants) {
		adamWAVX2(w, g, m, v, (*[8]float32)(unsafe.Pointer(&c)))
	}
	f16ToF32 = decodeEights(f16ToF32AVX2, f16ToF32Generic)
	f32ToF16 = encodeEights(f32ToF16AVX2, f32ToF16Generic)
	bf16ToF32 = decodeEights(bf16ToF32AVX2, bf16ToF32Generic)
	f32ToBF16 = encodeEights(f32ToBF16AVX2, f32ToBF16Generic)
	mulPanel, packPanels, packBlocks = mulPanelAVX2, packPanelsAVX2, packBlocksAVX2
	pairRows = pairRowsAVX2
	packHeadsFast, packQuantaFast, packK16Fast = (*x16).packHeadsAVX2, (*x16).packQuantaAVX2, (*k16).packAVX2
	encodeQ4_0, encodeQ8_0 = encodeQ4_0Fast, encodeQ8_0Fast
	decodeQ4_0, decodeQ8_0 = decodeQ4_0Fast, decodeQ8_0Fast
	readMemory, peaks, fetch, vectorQuantize = readMemoryAVX2, peaksAVX2, fetchAVX2, true
	useStripsAVX2()
	useTilesAVX2()
}

// useStripsAVX2 sets what formats of caches have.
func useStripsAVX2() {
	F16Strip.fast = stripTiles{
		one:  []stripTile{mulF16Rows1x1AVX2, mulF16Rows2x1AVX2, mulF16Rows3x1AVX2, mulF16Rows4x1AVX2, mulF16Rows5x1AVX2, mulF16Rows6x1AVX2},
		wide: []stripTile{mulF16Rows1x2AVX2, mulF16Rows2x2AVX2, mulF16Rows3x2AVX2}, many: 2,
		decode: decodeF16StripAVX2,
	}
	Q8_0Strip.fast = stripTiles{
		one:    []stripTile{mulQ8_0Rows1x1AVX2, mulQ8_0Rows2x1AVX2, mulQ8_0Rows3x1AVX2},
		decode: decodeQ8_0StripAVX2,
	}
	Q4_0Strip.fast = stripTiles{
		one:    []stripTile{mulQ4_0Rows1x1AVX2, mulQ4_0Rows2x1AVX2, mulQ4_0Rows3x1AVX2},
		decode: decodeQ4_0StripAVX2,
	}
}

// useTilesAVX2 sets what packed layouts have.
func useTilesAVX2() {
	f16x16.asm = assembly{tileSet: tileSet{few: &tiles{1: f16x16n1, f16x16n2, f16x16n3, f16x16n4, f16x16n5, f16x16n6}}}
	bf16x16.asm = assembly{tileSet: tileSet{few: &tiles{1: bf16x16n1, bf16x16n2, bf16x16n3, bf16x16n4, bf16x16n5, bf16x16n6}}}
	bf16Pairs = assembly{panel: bf16PairsPanel}
	q8_0x16.asm = assembly{tileSet: tileSet{few: &tiles{1: q8_0x16n1, q8_0x16n2, q8_0x16n3, q8_0x16n4}}, panel: q8_0x16panel}
	q4_0x16.asm = assembly{tileSet: tileSet{few: &tiles{1: q4_0x16n1, q4_0x16n2, q4_0x16n3, q4_0x16n4}}, panel: q4_0x16panel}
	q4_1x16.asm = assembly{tileSet: tileSet{few: &tiles{1: q4_1x16n1, q4_1x16n2, q4_1x16n3, q4_1x16n4}}, panel: q4_1x16panel}
	q5_0x16.asm = assembly{tileSet: tileSet{few: &tiles{1: q5_0x16n1, q5_0x16n2, q5_0x16n3, q5_0x16n4}, many: q5_0x16many}, panel: q5_0x16panel}
	q5_1x16.asm = assembly{tileSet: tileSet{few: &tiles{1: q5_1x16n1, q5_1x16n2, q5_1x16n3, q5_1x16n4}, many: q5_1x16many}, panel: q5_1x16panel}
	iq4_nlx16.asm = assembly{tileSet: tileSet{few: &tiles{1: iq4_nlx16n1, iq4_nlx16n2, iq4_nlx16n3, iq4_nlx16n4}, many: iq4_nlx16many}, panel: iq4_nlx16panel}
	mxfp4x16.asm = assembly{tileSet: tileSet{few: &tiles{1: mxfp4x16n1, mxfp4x16n2, mxfp4x16n3, mxfp4x16n4}, many: mxfp4x16many}, panel: mxfp4x16panel}
	q2_kx16.asm = assembly{tileSet: tileSet{few: &tiles{1: q2_kx16n1, q2_kx16n2, q2_kx16n3, q2_kx16n4}, many: q2_kx16many}, panel: q2_kx16panel}
	q3_kx16.asm = assembly{tileSet: tileSet{few: &tiles{1: q3_kx16n1, q3_kx16n2, q3_kx16n3, q3_kx16n4}, many: q3_kx16many}, panel: q3_kx16panel, makes: packBitsQ3_KAVX2}
	q4_kx16.asm = assembly{tileSet: tileSet{few: &tiles{1: q4_kx16n1, q4_kx16n2, q4_kx16n3, q4_kx16n4}}, panel: q4_kx16panel}
	q5_kx16.asm = assembly{tileSet: tileSet{few: &tiles{1: q5_kx16n1, q5_kx16n2, q5_kx16n3, q5_kx16n4}, many: q5_kx16many}, panel: q5_kx16panel, makes: packBitsQ5_KAVX2}
	q6_kx16.asm = assembly{tileSet: tileSet{few: &tiles{1: q6_kx16n1, q6_kx16n2, q6_kx16n3, q6_kx16n4}, many: q6_kx16many}, panel: q6_kx16panel}
	iq4_xsx16.asm = assembly{tileSet: tileSet{few: &tiles{1: iq4_xsx16n1, iq4_xsx16n2, iq4_xsx16n3, iq4_xsx16n4}}, panel: iq4_xsx16panel, makes: packScalesIQ4_XSAVX2}
}

// Pairs of products are of int8, and added up in 16 bits.
var peaksAVX2 = []Peak{
	{Kind: "f32", By: "FMA of 256 bits", perTurn: 2 * 12 * 8, loop: peakFMAAVX2},
	{Kind: "int8", By: "pairs of products of 256 bits", perTurn: 2 * 8 * 32, loop: peakDotAVX2},
}

// decodeEights returns a conversion that leaves what follows the last multiple
// of 8 to rest.
func decodeEights(fast, rest func([]float32, []byte)) func([]float32, []byte) {
	return func(dst []float32, src []byte) {
		n := len(dst) &^ 7
		fast(dst[:n], src[:2*n])
		rest(dst[n:], src[2*n:])
	}
}

// encodeEights is decodeEights in the other direction.
func encodeEights(fast, rest func([]byte, []float32)) func([]byte, []float32) {
	return func(dst []byte, src []float32) {
		n := len(src) &^ 7
		fast(dst[:2*n], src[:n])
		rest(dst[2*n:], src[n:])
	}
}
