//go:build !purego

package kernel

import "unsafe"

// vectorQuantize is whether activations are rounded by assembly; the dispatcher
// sets it. It is no function variable, since what those are given moves to the
// heap: caches round rows to a block on the stack.
var vectorQuantize bool

func quantizeRow(dst []Q8Block, x []float32) {
	if !vectorQuantize || len(x) == 0 {
		quantizeRowGeneric(dst, x)
		return
	}
	quantizeRowAVX2((*byte)(unsafe.Pointer(&dst[0])), &x[0], len(x)/BlockLen)
}

func quantizeWide(dst []Q8Wide, x []float32) {
	if !vectorQuantize || len(x) == 0 {
		quantizeWideGeneric(dst, x)
		return
	}
	quantizeWideAVX2((*byte)(unsafe.Pointer(&dst[0])), &x[0], len(x)/WideLen)
}
