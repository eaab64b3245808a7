//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./strips -out ../strips_amd64.s -stubs ../strips_stubs_amd64.go -pkg kernel"

func useStripsGeneric() {
	for _, s := range strips {
		s.fast = stripTiles{}
	}
	fetch = fetchNever
}

func useStripsAVX2() {
	fetch = fetchAVX2
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
