package dtype

import "limbeck/tensor/kernel"

// F16 is IEEE 754 binary16, little endian.
//
//	OFFSET  SIZE  FIELD
//	     0     2  the element: sign, 5 bits of exponent, 10 of mantissa
var F16 = register(Type{
	Name: "f16", GGUF: 1, Len: 1, Size: 2,
	exponents: exponentsAt(halfExponent, 0),
	Decode:    kernel.F16ToF32,
	Encode:    kernel.F32ToF16,
	Fast:      kernel.F16x16,
})
