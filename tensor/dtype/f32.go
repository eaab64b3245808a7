package dtype

import "limbeck/tensor/kernel"

// F32 is IEEE 754 binary32, little endian.
//
//	OFFSET  SIZE  FIELD
//	     0     4  the element
var F32 = register(Type{
	Name: "f32", GGUF: 0, Len: 1, Size: 4,
	exponents: exponentsAt(wideExponent, 2),
	Decode:    func(dst []float32, src []byte) { copy(dst, Floats(src)) },
	Encode:    func(dst []byte, src []float32) { copy(Floats(dst), src) },
	Fast:      kernel.F32x16,
})

// Floats views b as float32s without copying. b must be aligned to 4 bytes.
func Floats(b []byte) []float32 { return kernel.FloatsIn(b) }

// FloatBytes views v as bytes without copying.
func FloatBytes(v []float32) []byte { return kernel.FloatBytes(v) }
