package kernel

// The routines in use; the dispatcher replaces them.
var (
	encodeQ4_0 = encodeNever
	encodeQ8_0 = encodeNever
	decodeQ4_0 = decodeNever
	decodeQ8_0 = decodeNever
)

// EncodeQ4_0 encodes src as blocks of the format Q4_0, to the bit as package
// dtype does, which has the generic encoders. It reports false, and does nothing,
// if this processor has no routine for it. len(src) is a multiple of 32, and dst
// has 18 bytes for every 32 elements.
func EncodeQ4_0(dst []byte, src []float32) bool {
	checkBlocks(len(src), len(dst), 18)
	return len(src) == 0 || encodeQ4_0(dst, src)
}

// EncodeQ8_0 is EncodeQ4_0 of the format Q8_0, of 34 bytes a block.
func EncodeQ8_0(dst []byte, src []float32) bool {
	checkBlocks(len(src), len(dst), 34)
	return len(src) == 0 || encodeQ8_0(dst, src)
}

// DecodeQ4_0 is EncodeQ4_0 in the other direction.
func DecodeQ4_0(dst []float32, src []byte) bool {
	checkBlocks(len(dst), len(src), 18)
	return len(dst) == 0 || decodeQ4_0(dst, src)
}

// DecodeQ8_0 is DecodeQ4_0 of the format Q8_0.
func DecodeQ8_0(dst []float32, src []byte) bool {
	checkBlocks(len(dst), len(src), 34)
	return len(dst) == 0 || decodeQ8_0(dst, src)
}

func encodeNever([]byte, []float32) bool { return false }
func decodeNever([]float32, []byte) bool { return false }

// checkBlocks panics unless so many floats are whole blocks, of size bytes each, and there
// are as many bytes.
func checkBlocks(floats, bytes, size int) {
	if floats%BlockLen != 0 || bytes < floats/BlockLen*size {
		panic("kernel: rows that do not fill their blocks")
	}
}
