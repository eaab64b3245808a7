//go:build !purego

package kernel

func init() {
	q4_kx16.asm = assembly{
		avx2:   &tiles{1: q4_kx16n1, q4_kx16n2, q4_kx16n3, q4_kx16n4},
		avx512: &tiles{1: q4_kx16v1, q4_kx16v2, q4_kx16v3, q4_kx16v4, q4_kx16v5, q4_kx16v6, q4_kx16v7, q4_kx16v8},
		crowd:  q4_kx16AMX,
		panel:  q4_kx16panel,
	}
}
