//go:build !purego

package kernel

func init() {
	mxfp4x16.asm = assembly{
		avx2:   &tiles{1: mxfp4x16n1, mxfp4x16n2, mxfp4x16n3, mxfp4x16n4},
		avx512: &tiles{1: mxfp4x16v1, mxfp4x16v2, mxfp4x16v3, mxfp4x16v4, mxfp4x16v5, mxfp4x16v6, mxfp4x16v7, mxfp4x16v8},
		pairs:  &tiles{4: mxfp4x32v4, mxfp4x32v5},
		crowd:  mxfp4x16AMX,
		many:   mxfp4x16many,
		panel:  mxfp4x16panel,
	}
}
