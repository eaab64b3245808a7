//go:build !purego

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

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
		need(x.HasBMI2, "BMI2")
	case tierBF16:
		need(x.HasAVX512BF16, "BF16")
		// Beside AMX, which is Intel's, dot products take twice as long as FMAs of as
		// many elements: the tier is but a step to that of tiles, which need its rounding.
		need(!x.HasAVX512BF16 || !x.HasAMXBF16 || tilesPermitted(), "BF16 that is faster than FMA")
	case tierAMX:
		need(x.HasAMXTile, "AMX")
		need(x.HasAMXBF16, "its BF16")
		need(x.HasAMXInt8, "its INT8")
		need(!x.HasAMXTile || tilesPermitted(), "a system that permits AMX")
	}
	return names
}

var _ = follow(func(t tier) {
	useGeneric()
	if t >= tierAVX2 {
		useAVX2()
	}
	if t >= tierAVX512 {
		useAVX512()
	}
	if t >= tierBF16 {
		useBF16()
	}
	if t >= tierAMX {
		useAMX()
	}
})

func useGeneric() {
	dot, axpy, blend, scale, add = dotGeneric, axpyGeneric, blendGeneric, scaleGeneric, addGeneric
	sum, sumSq, maximum = sumGeneric, sumSqGeneric, maximumGeneric
	expToMax, expMaxRows = expToMaxGeneric, expMaxRowsGeneric
	exp, expSum, sumExp, addSoftmax = expGeneric, expSumGeneric, sumExpGeneric, addSoftmaxGeneric
	mulScaled, dot3, normGrad, addMul = mulScaledGeneric, dot3Generic, normGradGeneric, addMulGeneric
	softmaxGrad = softmaxGradGeneric
	swiGLU, swiGLUGrad = swiGLUGeneric, swiGLUGradGeneric
	rope, ropeScaled = ropeGeneric, ropeScaledGeneric
	adamW = adamWGeneric
	f16ToF32, f32ToF16, bf16ToF32, f32ToBF16 = f16ToF32Generic, f32ToF16Generic, bf16ToF32Generic, f32ToBF16Generic
	mulPanel, mulPanelTwice, packPanels, packBlocks = mulPanelGeneric, mulPanelNever, packPanelsGeneric, packBlocksGeneric
	pairRows, pairVectors, pairRuns, pairAlong = pairRowsGeneric, pairVectorsGeneric, pairRunsGeneric, pairAlongGeneric
	pairColumn, pairHalves = pairColumnGeneric, pairHalvesGeneric
	mulPairs, mulPairsTwice, fastPairs, longPairs = mulPairsGeneric, mulPanelNever, false, false
	pairTurned, mulPairBlocks, pairCuts, leastPairs = pairTurnedGeneric, mulPairBlocksByPanel, VectorCuts, 0
	mulPairStrips = mulPairStripsGeneric
	tilesOf, crowdFrom, decodeBlocks, vectorQuantize = tilesOfNone, noCrowd, decodeBlocksNever, false
	packHeadsFast, packQuantaFast, packK16Fast = packHeadsNever, packQuantaNever, packK16Never
	encodeQ4_0, encodeQ8_0 = encodeNever, encodeNever
	decodeQ4_0, decodeQ8_0 = decodeNever, decodeNever
	useStripsGeneric()
	readMemory, peaks = readMemoryGeneric, genericPeaks
}

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
	tilesOf, decodeBlocks, vectorQuantize = tilesOfAVX2, decodeBlocksAVX2, true
	packHeadsFast, packQuantaFast, packK16Fast = (*x16).packHeadsAVX2, (*x16).packQuantaAVX2, (*k16).packAVX2
	encodeQ4_0, encodeQ8_0 = encodeQ4_0Fast, encodeQ8_0Fast
	decodeQ4_0, decodeQ8_0 = decodeQ4_0Fast, decodeQ8_0Fast
	useStripsAVX2()
	readMemory, peaks = readMemoryAVX2, peaksAVX2
}

// useAVX512 replaces what is faster with AVX-512; the rest stays with AVX2.
func useAVX512() {
	peaks = peaksAVX512
	mulPanel, mulPanelTwice = mulPanelAVX512, mulPanelTwiceAVX512
	expToMax, expMaxRows = expToMaxAVX512, expMaxRowsFast
	sumExp, addSoftmax = sumExpAVX512, addSoftmaxAVX512
	ropeScaled = ropeScaledFast
	swiGLU, swiGLUGrad = swiGLUAVX512, swiGLUGradAVX512
	tilesOf = tilesOfAVX512
	useStripsAVX512()
}

// useBF16 replaces what multiplies pairs of bf16.
func useBF16() {
	peaks = peaksBF16
	pairVectors, pairRuns = pairVectorsFast, pairRunsFast
	pairColumn, pairHalves, pairTurned = pairColumnFast, pairHalvesFast, pairTurnedFast
	pairAlong, mulPairs, mulPairsTwice, fastPairs = pairAlongBF16, mulPairsBF16, mulPairsTwiceBF16, true
	mulPairStrips = mulPairStripsBF16
}

// useAMX replaces what tiles multiply.
func useAMX() {
	peaks = peaksAMX
	mulPairBlocks, mulPairStrips, longPairs = mulPairBlocksAMX, mulPairStripsTiled, true
	pairCuts, leastPairs = cutsOfTiles, leastPairsOfTiles
	crowdFrom = amxCrowd
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
