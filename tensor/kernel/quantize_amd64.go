//go:build !purego

package kernel

import "unsafe"

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
