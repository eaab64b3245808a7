//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./halves -out ../halves_amd64.s -stubs ../halves_stubs_amd64.go -pkg kernel"

// A halvesTile multiplies some rows by one or by several panels; strides are in
// bytes.
type halvesTile func(c *float32, ldc int, a *float32, row int, b *byte, apart, n int)

// halvesTiles are those of a tier, by rows less one. Of wide ones, which take
// width panels, there may be fewer.
type halvesTiles struct {
	one, wide []halvesTile
	width     int
}

var halvesAVX2 = halvesTiles{
	one:  []halvesTile{mulHalves1x1AVX2, mulHalves2x1AVX2, mulHalves3x1AVX2, mulHalves4x1AVX2, mulHalves5x1AVX2, mulHalves6x1AVX2},
	wide: []halvesTile{mulHalves1x2AVX2, mulHalves2x2AVX2, mulHalves3x2AVX2}, width: 2,
}

var halvesAVX512 = halvesTiles{
	one:  []halvesTile{mulHalves1x1AVX512, mulHalves2x1AVX512, mulHalves3x1AVX512, mulHalves4x1AVX512, mulHalves5x1AVX512, mulHalves6x1AVX512},
	wide: []halvesTile{mulHalves1x4AVX512, mulHalves2x4AVX512, mulHalves3x4AVX512, mulHalves4x4AVX512, mulHalves5x4AVX512, mulHalves6x4AVX512}, width: 4,
}

func mulHalvesAVX2(c []float32, ldc int, a Mat, b []byte, apart, panels int) {
	halvesAVX2.mul(c, ldc, a, b, apart, panels)
}

func mulHalvesAVX512(c []float32, ldc int, a Mat, b []byte, apart, panels int) {
	halvesAVX512.mul(c, ldc, a, b, apart, panels)
}

func (t *halvesTiles) mul(c []float32, ldc int, a Mat, b []byte, apart, panels int) {
	if a.Cols == 0 {
		mulHalvesGeneric(c, ldc, a, b, apart, panels)
		return
	}
	for i, rows := 0, 0; i < a.Rows; i += rows {
		left := a.Rows - i
		tiles := (left + len(t.one) - 1) / len(t.one)
		rows = (left + tiles - 1) / tiles // none of one row beside one of six
		for p, n := 0, 0; p < panels; p += n {
			tile := t.one[rows-1]
			if n = 1; panels-p >= t.width && rows <= len(t.wide) {
				tile, n = t.wide[rows-1], t.width
			}
			tile(&c[i*ldc+p*PanelWidth], ldc*floatBytes, &a.Data[i*a.RowStride], a.RowStride*floatBytes, &b[2*p*apart], 2*apart, a.Cols)
		}
	}
}
