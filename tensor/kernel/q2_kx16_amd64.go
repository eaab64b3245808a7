//go:build !purego

package kernel

func init() {
	q2_kx16.asm = assembly{
		avx2:   &tiles{1: q2_kx16n1, q2_kx16n2, q2_kx16n3, q2_kx16n4},
		avx512: &tiles{1: q2_kx16v1, q2_kx16v2, q2_kx16v3, q2_kx16v4, q2_kx16v5, q2_kx16v6, q2_kx16v7, q2_kx16v8},
		crowd:  q2_kx16AMX,
		many:   q2_kx16many,
		panel:  q2_kx16panel,
	}
}
