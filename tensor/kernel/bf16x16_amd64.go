//go:build !purego

package kernel

func init() {
	bf16x16.asm = assembly{
		avx2:   &tiles{1: bf16x16n1, bf16x16n2, bf16x16n3, bf16x16n4, bf16x16n5, bf16x16n6},
		avx512: &tiles{1: bf16x16v1, bf16x16v2, bf16x16v3, bf16x16v4, bf16x16v5, bf16x16v6, bf16x16v7, bf16x16v8},
	}
}
