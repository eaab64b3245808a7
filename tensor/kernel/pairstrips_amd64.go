//go:build !purego

package kernel

// pairStripsTiles multiply by strips of pairs.
var pairStripsTiles = stripTiles{
	one:  []stripTile{mulPairStrips1x1BF16, mulPairStrips2x1BF16, mulPairStrips3x1BF16, mulPairStrips4x1BF16, mulPairStrips5x1BF16, mulPairStrips6x1BF16},
	wide: []stripTile{mulPairStrips1x4BF16, mulPairStrips2x4BF16, mulPairStrips3x4BF16, mulPairStrips4x4BF16, mulPairStrips5x4BF16, mulPairStrips6x4BF16}, many: 4,
}

func mulPairStripsBF16(c []float32, ldc int, a Mat, b Strips) {
	if !pairStripsTiles.mul(PanelWidth, c, ldc, a, b) {
		mulPairStripsGeneric(c, ldc, a, b)
	}
}
