//go:build !purego

package kernel

// f16PairsTiles multiply by strips of pairs in f16.
var f16PairsTiles = stripTiles{
	one:  []stripTile{mulF16Pairs1x1BF16, mulF16Pairs2x1BF16, mulF16Pairs3x1BF16, mulF16Pairs4x1BF16, mulF16Pairs5x1BF16, mulF16Pairs6x1BF16},
	wide: []stripTile{mulF16Pairs1x4BF16, mulF16Pairs2x4BF16, mulF16Pairs3x4BF16, mulF16Pairs4x4BF16, mulF16Pairs5x4BF16, mulF16Pairs6x4BF16}, many: 4,
}

func mulF16PairsBF16(c []float32, ldc int, a Mat, b Strips) {
	if !f16PairsTiles.mul(PanelWidth, c, ldc, a, b) {
		mulF16PairsDecoded(c, ldc, a, b)
	}
}
