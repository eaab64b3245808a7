//go:build !purego

package kernel

func init() {
	q5_0x16.asm = assembly{
		avx2:   &tiles{1: q5_0x16n1, q5_0x16n2, q5_0x16n3, q5_0x16n4},
		avx512: &tiles{1: q5_0x16v1, q5_0x16v2, q5_0x16v3, q5_0x16v4, q5_0x16v5, q5_0x16v6, q5_0x16v7, q5_0x16v8},
		pairs:  &tiles{4: q5_0x32v4, q5_0x32v5},
		crowd:  q5_0x16AMX,
		many:   q5_0x16many,
		panel:  q5_0x16panel,
	}
}
