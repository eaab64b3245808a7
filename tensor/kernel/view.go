package kernel

import "unsafe"

// wordBytes is the size of a float of memory.
const wordBytes = 4

// FloatBytes views floats as their bytes, without copying.
func FloatBytes(v []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*wordBytes)
}

// FloatsIn views bytes as the whole floats that they hold, without copying. b must
// be aligned to 4 bytes.
func FloatsIn(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/wordBytes)
}

// blocksIn views memory of floats as blocks of a form of activations.
func blocksIn[B any](x []float32) []B {
	var b B
	return unsafe.Slice((*B)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*wordBytes/int(unsafe.Sizeof(b)))
}
