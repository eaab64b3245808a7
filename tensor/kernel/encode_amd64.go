//go:build !purego

package kernel

import "unsafe"

//go:generate sh -c "cd gen && go run ./encode -out ../encode_amd64.s -stubs ../encode_stubs_amd64.go -pkg kernel"

func encodeQ4_0Fast(dst []byte, src []float32) bool {
	if current < tierAVX2 {
		return false
	}
	encodeQ4_0AVX2(unsafe.SliceData(dst), unsafe.SliceData(src), len(src)/BlockLen)
	return true
}

func encodeQ8_0Fast(dst []byte, src []float32) bool {
	if current < tierAVX2 {
		return false
	}
	encodeQ8_0AVX2(unsafe.SliceData(dst), unsafe.SliceData(src), len(src)/BlockLen)
	return true
}
