//go:build !purego

package kernel

// f16PairsTiles multiply by strips of pairs in f16.
var f16PairsTiles = stripTiles{
	one:  []stripTile{mulF16Pairs1x1AVX512, mulF16Pairs2x1AVX512, mulF16Pairs3x1AVX512, mulF16Pairs4x1AVX512, mulF16Pairs5x1AVX512, mulF16Pairs6x1AVX512},
	wide: []stripTile{mulF16Pairs1x4AVX512, mulF16Pairs2x4AVX512, mulF16Pairs3x4AVX512, mulF16Pairs4x4AVX512, mulF16Pairs5x4AVX512, mulF16Pairs6x4AVX512}, many: 4,
}

func mulF16PairsAVX512(c []float32, ldc int, a Mat, b []byte, apart, strips int) {
	if !f16PairsTiles.mul(PanelWidth, c, ldc, a, b, apart, strips) {
		mulF16PairsDecoded(c, ldc, a, b, apart, strips)
	}
}
