package dtype

import "encoding/binary"

// The bits of an exponent, all set in an infinity or a NaN, in the 16-bit word
// that holds the sign.
const (
	halfExponent = 0x7c00 // f16
	wideExponent = 0x7f80 // bf16, and the upper half of an f32
)

// exponents say where in a block the words lie that hold its floats' exponents.
type exponents struct {
	mask uint16
	at   []int
}

func exponentsAt(mask uint16, at ...int) exponents { return exponents{mask, at} }

// Scales returns where in a block of integers the f16 lie that scale them: first that of
// the levels, then, where a format has it, that of its minimums. None where other bits
// do, as in MXFP4. [bytes]
func (t *Type) Scales() []int { return t.exponents.at }

// NotFinite returns the first block of src with a NaN or an infinity, or -1.
// A block of integers with scales is finite if its scales are.
func (t *Type) NotFinite(src []byte) int {
	if t.notFinite != nil {
		return t.notFinite(src)
	}
	first := -1
	for _, at := range t.exponents.at {
		// Beyond the first that one offset has, another's need no look.
		if i := notFinite(src, t.exponents.mask, at, t.Size); i >= 0 {
			first, src = i, src[:i*t.Size]
		}
	}
	return first
}

// notFinite returns the first of the words at an offset in blocks of some size
// whose exponent has all bits set, or -1.
func notFinite(src []byte, mask uint16, at, size int) int {
	i := at
	if 8%size == 0 { // plain floats
		i += finiteWords(src, mask, at, size)
	}
	for ; i+2 <= len(src); i += size {
		if binary.LittleEndian.Uint16(src[i:])&mask == mask {
			return i / size
		}
	}
	return -1
}

// finiteWords returns a number of bytes that src begins with, a multiple of 8, in
// which all floats of size bytes are finite: four words at a time, until one has
// an exponent of ones. Of such a one alone the lowest bit, added, carries into
// the sign's place.
func finiteWords(src []byte, mask uint16, at, size int) int {
	var exponents, ones, signs uint64
	for i := at; i < 8; i += size {
		exponents |= uint64(mask) << (8 * i)
		ones |= uint64(mask&-mask) << (8 * i)
		signs |= 1 << (8*i + 15)
	}
	n := 0
	for ; len(src)-n >= 32; n += 32 {
		b := (*[32]byte)(src[n:])
		w0 := binary.LittleEndian.Uint64(b[:])&exponents + ones
		w1 := binary.LittleEndian.Uint64(b[8:])&exponents + ones
		w2 := binary.LittleEndian.Uint64(b[16:])&exponents + ones
		w3 := binary.LittleEndian.Uint64(b[24:])&exponents + ones
		if (w0|w1|w2|w3)&signs != 0 {
			break
		}
	}
	return n
}
