package dtype

import "limbeck/tensor/kernel"

// BF16 is the upper half of a binary32, little endian.
//
//	OFFSET  SIZE  FIELD
//	     0     2  the element: sign, 8 bits of exponent, 7 of mantissa
var BF16 = register(Type{
	Name: "bf16", GGUF: 30, Len: 1, Size: 2,
	exponents: exponentsAt(wideExponent, 0),
	Decode:    kernel.BF16ToF32,
	Encode:    kernel.F32ToBF16,
	Fast:      kernel.BF16x16,
})
