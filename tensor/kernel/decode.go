package kernel

// The routines in use; the dispatcher replaces them.
var (
	decodeQ4_0 = decodeNever
	decodeQ8_0 = decodeNever
)

// DecodeQ4_0 decodes blocks of the format Q4_0, to the bit as package dtype does,
// which has the generic decoders. It reports false, and does nothing, if this
// processor has no routine for it. len(dst) is a multiple of 32, and src has 18 bytes
// for every 32 elements.
func DecodeQ4_0(dst []float32, src []byte) bool {
	checkBlocks(len(dst), len(src), 18)
	return len(dst) == 0 || decodeQ4_0(dst, src)
}

// DecodeQ8_0 is DecodeQ4_0 of the format Q8_0, of 34 bytes a block.
func DecodeQ8_0(dst []float32, src []byte) bool {
	checkBlocks(len(dst), len(src), 34)
	return len(dst) == 0 || decodeQ8_0(dst, src)
}

func decodeNever([]float32, []byte) bool { return false }
