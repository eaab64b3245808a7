//go:build !purego

package kernel

func init() {
	f16x16.asm = assembly{
		avx2:   &tiles{1: f16x16n1, f16x16n2, f16x16n3, f16x16n4, f16x16n5, f16x16n6},
		avx512: &tiles{1: f16x16v1, f16x16v2, f16x16v3, f16x16v4, f16x16v5, f16x16v6, f16x16v7, f16x16v8},
	}
}
