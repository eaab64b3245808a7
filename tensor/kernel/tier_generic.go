package kernel

// tierGeneric is Go's own loops, on every processor.
var tierGeneric = define("generic", definition{
	needs: func() []need { return nil },
	use:   useGeneric,
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
	packHeadsFast, packQuantaFast, packK16Fast = packHeadsNever, packQuantaNever, packK16Never
	encodeQ4_0, encodeQ8_0 = encodeNever, encodeNever
	decodeQ4_0, decodeQ8_0 = decodeNever, decodeNever
	readMemory, peaks, fetch, vectorQuantize = readMemoryGeneric, genericPeaks, fetchNever, false
	for _, s := range strips {
		s.fast = stripTiles{}
	}
	for _, a := range assemblies {
		*a = assembly{}
	}
}
