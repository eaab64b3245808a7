package kernel

// The routine in use; the dispatcher replaces it.
var mulPairStrips = mulPairStripsGeneric

// MulPairStrips multiplies the pairs of a, whose rows are contiguous, by strips that are
// panels of a.Cols pairs, aligned to 4 bytes:
//
//	c[i, 16p+j] = Σ over k of a[i, 2k]·b[2k, 16p+j] + a[i, 2k+1]·b[2k+1, 16p+j]
//
// with the bits of [MulBlockPairs], which is faster for more than [FewRows] and several
// strips.
func MulPairStrips(c []float32, ldc int, a Mat, b Strips) {
	if b.check("MulPairStrips", c, ldc, a, PanelWidth, PanelWidth*wordBytes) {
		mulPairStrips(c, ldc, a, b)
	}
}

func mulPairStripsGeneric(c []float32, ldc int, a Mat, b Strips) {
	for p := range b.N {
		mulPairsGeneric(c[p*PanelWidth:], ldc, PanelWidth, a.blocks(), FloatsIn(b.Data[p*b.Apart:]), false)
	}
}
