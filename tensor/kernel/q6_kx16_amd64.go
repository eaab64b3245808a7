//go:build !purego

package kernel

func init() {
	q6_kx16.asm = assembly{
		avx2:   &tiles{1: q6_kx16n1, q6_kx16n2, q6_kx16n3, q6_kx16n4},
		avx512: &tiles{1: q6_kx16v1, q6_kx16v2, q6_kx16v3, q6_kx16v4, q6_kx16v5, q6_kx16v6, q6_kx16v7, q6_kx16v8},
		crowd:  q6_kx16AMX,
		many:   q6_kx16many,
		panel:  q6_kx16panel,
	}
}
