package kernel

import "math"

// BF16x16 interleaves format bf16: columns of 16 bf16, a row each.
var BF16x16 = bf16x16.layout("bf16x16")

var bf16x16 = &half16{
	value: func(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) },
	widen: BF16ToF32,
}
