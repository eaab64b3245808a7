package kernel

// F16x16 interleaves format f16: columns of 16 f16, a row each.
var F16x16 = (&half16{id: idF16, value: halfToFloat, widen: F16ToF32}).layout("f16x16")
