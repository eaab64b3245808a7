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
	for i := at; i+2 <= len(src); i += size {
		if binary.LittleEndian.Uint16(src[i:])&mask == mask {
			return i / size
		}
	}
	return -1
}
