//go:build !purego

package kernel

func init() {
	q5_kx16.asm = assembly{
		avx2:   &tiles{1: q5_kx16n1, q5_kx16n2, q5_kx16n3, q5_kx16n4},
		avx512: &tiles{1: q5_kx16v1, q5_kx16v2, q5_kx16v3, q5_kx16v4, q5_kx16v5, q5_kx16v6, q5_kx16v7, q5_kx16v8},
		crowd:  q5_kx16AMX,
		many:   q5_kx16many,
		panel:  q5_kx16panel,
		makes:  packBitsQ5_KAVX2,
	}
}
