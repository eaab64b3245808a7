//go:build !purego

package kernel

func init() {
	q3_kx16.asm = assembly{
		avx2:   &tiles{1: q3_kx16n1, q3_kx16n2, q3_kx16n3, q3_kx16n4},
		avx512: &tiles{1: q3_kx16v1, q3_kx16v2, q3_kx16v3, q3_kx16v4, q3_kx16v5, q3_kx16v6, q3_kx16v7, q3_kx16v8},
		crowd:  q3_kx16AMX,
		many:   q3_kx16many,
		panel:  q3_kx16panel,
		makes:  packBitsQ3_KAVX2,
	}
}
