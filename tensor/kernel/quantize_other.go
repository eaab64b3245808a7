//go:build !amd64 || purego

package kernel

func quantizeRow(dst []Q8Block, x []float32) { quantizeRowGeneric(dst, x) }

func quantizeWide(dst []Q8Wide, x []float32) { quantizeWideGeneric(dst, x) }
