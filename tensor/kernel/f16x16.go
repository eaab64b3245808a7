package kernel

// F16x16 interleaves format f16: columns of 16 f16, a row each.
var F16x16 = f16x16.layout("f16x16")

var f16x16 = &half16{value: HalfToFloat, widen: F16ToF32}
