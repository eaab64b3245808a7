//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./decode -out ../decode_amd64.s -stubs ../decode_stubs_amd64.go -pkg kernel"

func decodeQ4_0Fast(dst []float32, src []byte) bool {
	decodeQ4_0AVX2(&dst[0], &src[0], len(dst)/BlockLen)
	return true
}

func decodeQ8_0Fast(dst []float32, src []byte) bool {
	decodeQ8_0AVX2(&dst[0], &src[0], len(dst)/BlockLen)
	return true
}
