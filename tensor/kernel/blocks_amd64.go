//go:build !purego

package kernel

//go:generate sh -c "cd gen && go run ./blocks -out ../blocks_amd64.s -stubs ../blocks_stubs_amd64.go -pkg kernel"

func encodeQ4_0Fast(dst []byte, src []float32) bool {
	encodeQ4_0AVX2(&dst[0], &src[0], len(src)/BlockLen)
	return true
}

func encodeQ8_0Fast(dst []byte, src []float32) bool {
	encodeQ8_0AVX2(&dst[0], &src[0], len(src)/BlockLen)
	return true
}

func decodeQ4_0Fast(dst []float32, src []byte) bool {
	decodeQ4_0AVX2(&dst[0], &src[0], len(dst)/BlockLen)
	return true
}

func decodeQ8_0Fast(dst []float32, src []byte) bool {
	decodeQ8_0AVX2(&dst[0], &src[0], len(dst)/BlockLen)
	return true
}
