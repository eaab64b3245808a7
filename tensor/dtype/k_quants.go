package dtype

// What the K-quants share: blocks of 256 elements, in sub-blocks whose scales
// are themselves quantized. They are read, not written.

const superblock = 256

// scaleMin6 unpacks the j-th of 8 pairs of 6-bit scales and minimums from the
// 12 bytes that q4_k and q5_k have for them: bytes 0–3 hold scales 0–3 in
// their low 6 bits, 4–7 minimums 0–3 likewise; bytes 8–11 hold the low 4 bits
// of scales (low nibble) and minimums (high) 4–7, whose upper 2 bits are those
// left over in bytes 0–3 and 4–7.
func scaleMin6(s *[12]byte, j int) (scale, minimum float32) {
	if j < 4 {
		return float32(s[j] & 63), float32(s[j+4] & 63)
	}
	return float32(s[j+4]&15 | s[j-4]>>6<<4), float32(s[j+4]>>4 | s[j]>>6<<4)
}
